import { describe, expect, test } from 'vitest'
import type { Input } from '../overlay/effects.ts'
import { seeds } from './seeds.ts'
import { type Inhabitant, World, type WorldOptions } from './world.ts'

type Seen = Extract<Input, { type: 'candidate-appeared' | 'candidate-vanished' }>

function watched(options: Omit<WorldOptions, 'witness'>) {
  const seen = new Map<string, Seen[]>()
  const witness = (name: string, input: Input) => {
    if (input.type !== 'candidate-appeared' && input.type !== 'candidate-vanished') return
    seen.set(name, [...(seen.get(name) ?? []), { ...input }])
  }
  return { world: new World({ ...options, witness }), of: ({ name }: Inhabitant) => seen.get(name) ?? [] }
}

describe('rendezvous', () => {
  test('shows each of many that start together ten others at most, and few of them less', () => {
    for (const seed of seeds(3)) {
      const { world, of } = watched({ seed })
      const nodes = world.startTogether(100)
      world.run(5)
      const shown = nodes.map((node) => new Set(of(node).map(({ endpoint }) => endpoint)).size)
      expect(Math.max(...shown)).toBe(10)
      expect(shown.reduce((sum, count) => sum + count, 0) / 100).toBeGreaterThan(9.5)
    }
  })

  test('shows all of them to each other when they are eleven', () => {
    const { world, of } = watched({ seed: 1 })
    for (const node of world.startTogether(11)) {
      world.run(5)
      expect(new Set(of(node).map(({ endpoint }) => endpoint)).size).toBe(10)
    }
  })

  test('calls one of each pair the elder, and it is the one that was there first', () => {
    const { world, of } = watched({ seed: 1 })
    const [first, second] = world.startTogether(2) as [Inhabitant, Inhabitant]
    world.run(5)
    expect(of(first)).toMatchObject([{ endpoint: 'xmpp:n2', elder: false }])
    expect(of(second)).toMatchObject([{ endpoint: 'xmpp:n1', elder: true }])
  })

  test('shows others anew every ten seconds to one that is not connected, and to nobody who is', () => {
    const { world, of } = watched({ seed: 2, reachable: (a, b) => a !== 'n40' && b !== 'n40' })
    const nodes = world.startTogether(40)
    const lonely = nodes[39] as Inhabitant
    world.runUntil(() => nodes.every((node) => node === lonely || node.node.state === 'connected'), 9_000)
    const told = () => nodes.reduce((sum, node) => sum + of(node).length, 0)
    const before = { lonely: of(lonely).length, all: told() }
    world.run(12_000)
    expect(of(lonely).length).toBeGreaterThan(before.lonely)
    // Presence is mutual: each of the others was shown the lonely one, and nothing else.
    expect(told() - before.all).toBe(2 * (of(lonely).length - before.lonely))
  })

  test('never shows those whose presence is missing, who see the others all the same', () => {
    const { world, of } = watched({ seed: 1, unseen: 0.5 })
    const nodes = world.startTogether(60)
    world.run(5)
    const shown = new Set(nodes.flatMap((node) => of(node).map(({ endpoint }) => endpoint)))
    expect(shown.size).toBeGreaterThan(15)
    expect(shown.size).toBeLessThan(45)
    for (const node of nodes) expect(of(node).length).toBeGreaterThan(0)
  })

  test('takes a presence from those who were shown it, when its node leaves', () => {
    const { world, of } = watched({ seed: 1 })
    const [leaver, ...others] = world.startTogether(5) as [Inhabitant, ...Inhabitant[]]
    world.run(10_000)
    world.leave(leaver)
    world.run(5)
    for (const other of others) expect(of(other).at(-1)).toMatchObject({ type: 'candidate-vanished' })
  })

  test('shows nobody across a partition, and everybody some of the other side when it ends', () => {
    const { world, of } = watched({ seed: 1 })
    const side = (name: string) => Number(name.slice(1)) % 2
    const endpointSide = (endpoint: string) => side(endpoint.slice('xmpp:'.length))
    world.rendezvous.split(side)
    const nodes = world.startTogether(60)
    world.run(10_000)
    for (const node of nodes) {
      for (const { endpoint } of of(node)) expect(endpointSide(endpoint)).toBe(side(node.name))
    }
    world.rendezvous.rejoin()
    const before = new Map(nodes.map((node) => [node, of(node).length]))
    world.run(5)
    for (const node of nodes) {
      const fresh = of(node).slice(before.get(node))
      expect(fresh.length).toBeGreaterThan(0)
      expect(fresh.length).toBeLessThanOrEqual(10)
      for (const { endpoint } of fresh) expect(endpointSide(endpoint)).not.toBe(side(node.name))
    }
  })
})
