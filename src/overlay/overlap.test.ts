import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Address, nodeAddress } from './address.ts'
import type { ChannelKind } from './channel-kind.ts'
import { Connection, connectionChannel } from './connection.ts'
import { ConnectionTable } from './connection-table.ts'
import { endpointOf } from './endpoint.ts'
import { MAX_OVERLAP, overlapOf } from './overlap.ts'
import { NO_ROLES } from './role.ts'

const addressOf = (index: number) => nodeAddress(new Uint8Array(20).fill(2 * index + 4))
const self = nodeAddress(new Uint8Array(20).fill(2))

function tableOf(links: { sinceMs: number; kind: ChannelKind }[]): { table: ConnectionTable; named: Address[] } {
  const table = new ConnectionTable(self)
  links.forEach(({ sinceMs, kind }, index) => {
    const address = addressOf(index)
    const endpoint = endpointOf(kind, `n${index}`)
    const status = { roles: NO_ROLES, hidden: false, size: 1, neighbours: [] }
    const connection = new Connection({ address, incarnation: 1, incoming: false, sinceMs, endpoints: [], status })
    connection.attach(connectionChannel({ id: index, kind, endpoint, ours: true, attempt: 1, nowMs: 0 }), self)
    table.add(connection)
  })
  return { table, named: links.map((_, index) => addressOf(index)) }
}

const link = fc.record({
  sinceMs: fc.nat({ max: 1_000 }),
  kind: fc.constantFrom<ChannelKind>('direct', 'turn', 'tunnel', 'subring', 'relay'),
})
const links = fc.array(link, { minLength: 1, maxLength: 20 })

describe('the overlap of two nodes', () => {
  test('is the oldest four of the direct links in common (mutation: keeping the newest four fails)', () => {
    const { table, named } = tableOf([9, 3, 7, 1, 5, 8, 2].map((sinceMs) => ({ sinceMs, kind: 'direct' })))
    expect(overlapOf(table, named, 'any').map(({ sinceMs }) => sinceMs)).toEqual([1, 2, 3, 5])
  })

  test('loses none of its members when newer links come', () => {
    fc.assert(
      fc.property(links, links, (old, later) => {
        const before = tableOf(old)
        const after = tableOf([...old, ...later.map(({ kind }, index) => ({ kind, sinceMs: 1_001 + index }))])
        const direct = overlapOf(before.table, before.named, 'direct').map(({ address }) => address)
        expect(
          overlapOf(after.table, after.named, 'direct')
            .slice(0, direct.length)
            .map(({ address }) => address),
        ).toEqual(direct)
      }),
    )
  })

  test('never has more than four members, nor one that is itself reached through others', () => {
    fc.assert(
      fc.property(links, (some) => {
        const { table, named } = tableOf(some)
        const overlap = overlapOf(table, named, 'any')
        expect(overlap.length).toBeLessThanOrEqual(MAX_OVERLAP)
        expect(overlap.every(({ active }) => active?.kind !== 'tunnel' && active?.kind !== 'subring')).toBe(true)
      }),
    )
  })

  test('has relayed members only where asked for any, and after all others', () => {
    fc.assert(
      fc.property(links, (some) => {
        const { table, named } = tableOf(some)
        const isRelay = ({ active }: Connection) => active?.kind === 'relay'
        expect(overlapOf(table, named, 'direct').some(isRelay)).toBe(false)
        const relayed = overlapOf(table, named, 'any').map(isRelay)
        expect(relayed).toEqual([...relayed].sort())
      }),
    )
  })
})
