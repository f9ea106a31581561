import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Address, nodeAddress } from './address.ts'
import type { Effect } from './effects.ts'
import { type Endpoint, endpointOf } from './endpoint.ts'
import { type Linked, Linker, type LinkFailure } from './linker.ts'
import { nodeConfig } from './node-config.ts'
import type { NodeCore } from './node-core.ts'
import { NEAR, NO_ROLES } from './role.ts'

const addressAt = (place: number): Address => nodeAddress(new Uint8Array(20).fill(place))
const STATUS = { roles: NO_ROLES, hidden: false, size: 1, neighbours: [] }

type Dial = { channel: number; endpoint: Endpoint; to: Address | undefined }

/** A linker alone: what it emits and tells is kept, and so is what must be under way by that. */
function world() {
  const config = nodeConfig({ address: addressAt(128), incarnation: 1, namespace: 'a'.repeat(40), transports: [] })
  const underWay = new Map<number, Dial>()
  const counted: string[] = []
  let to: Address | undefined
  let channels = 0
  // What a linker touches of a node, and no more.
  const core = {
    config,
    nowMs: 0,
    endpoints: [],
    leaving: false,
    emit: (effect: Effect) => {
      if (effect.type !== 'dial') return
      underWay.set(effect.channel, { channel: effect.channel, endpoint: effect.endpoint, to })
    },
    count: (reason: string) => counted.push(reason),
    nextChannel: () => ++channels,
    transmit: () => undefined,
    statusFor: () => STATUS,
  }
  const linker = new Linker(core as unknown as NodeCore, {
    linked: ({ channel }: Linked) => underWay.delete(channel),
    failed: ({ endpoint, to: whom }: LinkFailure) => {
      for (const dial of underWay.values()) {
        if (dial.endpoint === endpoint && dial.to === whom) underWay.delete(dial.channel)
      }
    },
  })
  const dial = (endpoint: Endpoint, whom: Address | undefined) => {
    to = whom
    linker.dial(endpoint, whom, NEAR)
  }
  return { core, linker, dial, underWay, counted }
}

const step = fc.oneof(
  fc.record({
    name: fc.constant('dial' as const),
    endpoint: fc.integer({ min: 0, max: 5 }),
    to: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
  }),
  fc.record({ name: fc.constant('opened' as const), channel: fc.nat(30) }),
  fc.record({ name: fc.constant('accepted' as const), channel: fc.nat(30) }),
  fc.record({ name: fc.constant('closed' as const), channel: fc.nat(30) }),
  fc.record({ name: fc.constant('later' as const), byMs: fc.integer({ min: 1, max: 15_000 }) }),
)

describe('a linker, after any dials, answers, failures and time-outs', () => {
  test('knows whom it is dialling, and comes back no later than the first attempt times out', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const { core, linker, dial, underWay } = world()
        for (const what of steps) {
          if (what.name === 'dial') {
            dial(endpointOf('xmpp', `${what.endpoint}`), what.to === undefined ? undefined : addressAt(2 * what.to))
          } else if (what.name === 'opened') linker.handleOpened(what.channel, 'relay')
          else if (what.name === 'closed') linker.handleClosed(what.channel, 'gone')
          else if (what.name === 'accepted') {
            const attempt = what.channel
            const from = underWay.get(attempt)?.to ?? addressAt(60)
            const accept = { type: 'accept' as const, attempt, incarnation: 1, from, endpoints: [], status: STATUS }
            linker.handleFrame(what.channel, accept)
          } else {
            core.nowMs += what.byMs
            linker.wake()
          }
          const dials = [...underWay.values()]
          expect(linker.dialling).toBe(dials.length)
          for (let index = 0; index <= 5; index++) {
            const endpoint = endpointOf('xmpp', `${index}`)
            expect(linker.isDialling(endpoint)).toBe(dials.some((other) => other.endpoint === endpoint))
            const address = addressAt(2 * index)
            expect(linker.isDialling(address)).toBe(dials.some(({ to }) => to === address))
          }
          if (dials.length > 0) expect(linker.deadlineMs).toBeGreaterThan(core.nowMs)
        }
        for (let wakes = 0; linker.deadlineMs !== undefined && wakes < 100; wakes++) {
          core.nowMs = linker.deadlineMs
          linker.wake()
        }
        expect(underWay.size).toBe(0)
        expect(linker.deadlineMs).toBeUndefined()
      }),
    )
  })
})

test('dials under way at once are limited, and what is more is counted', () => {
  const { dial, underWay, counted } = world()
  for (let index = 0; index < 200; index++) dial(endpointOf('xmpp', `${index}`), undefined)
  expect(underWay.size).toBe(128)
  expect(counted).toEqual(Array(200 - 128).fill('link: too many dials at once'))
})
