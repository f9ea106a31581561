import { describe, expect, test } from 'vitest'
import { nodeAddress } from './address.ts'
import { ConnectionTable } from './connection-table.ts'
import type { Effect } from './effects.ts'
import { endpointOf } from './endpoint.ts'
import { LeafOverlord } from './leaf-overlord.ts'
import type { Linker } from './linker.ts'
import { Node } from './node.ts'
import { type NodeConfig, nodeConfig } from './node-config.ts'
import type { NodeCore } from './node-core.ts'
import { hasRole, LEAF } from './role.ts'
import { seededRandom } from './seeded-random.ts'
import { connect } from './test-ring.ts'

/** Of a small ring, in which everybody sees whoever appears. */
const ALL_SHOWN = { visibility: 'shown', watchersOf: (size: number) => size } as const

function makeNode(behaviour: Partial<NodeConfig> = {}): Node {
  const transports = [{ scheme: 'xmpp', kind: 'relay' as const }]
  const address = nodeAddress(new Uint8Array(20).fill(40))
  const config = { address, incarnation: 1, namespace: 'd'.repeat(40), perSide: 2, transports, ...behaviour }
  return new Node(config, seededRandom(3))
}

const dialled = (effects: Effect[]) => effects.flatMap((effect) => (effect.type === 'dial' ? [effect.endpoint] : []))

/** Lets time pass and every dial fail; returns whom the node dialled, and when. */
function pass(node: Node, fromMs: number, untilMs: number): { atMs: number; endpoint: string }[] {
  const dials: { atMs: number; endpoint: string }[] = []
  for (let now = node.deadlineMs; now !== undefined && now <= untilMs; now = node.deadlineMs) {
    const atMs = Math.max(now, fromMs)
    for (const effect of node.handle({ type: 'wake' }, atMs)) {
      if (effect.type !== 'dial') continue
      dials.push({ atMs, endpoint: effect.endpoint })
      node.handle({ type: 'channel-closed', channel: effect.channel, reason: 'service-unavailable' }, atMs)
    }
  }
  return dials
}

describe('a node that rendezvous shows six hundred elders at once', () => {
  test('asks ten of them at once and no more, where it need not spare the service', () => {
    const node = makeNode({ greeters: false })
    const asked: string[] = []
    for (let index = 0; index < 600; index++) {
      const endpoint = endpointOf('xmpp', `peer${index}`)
      asked.push(...dialled(node.handle({ type: 'candidate-appeared', endpoint, elder: true }, 0)))
    }
    expect(new Set(asked).size).toBe(10)
    expect(asked).toHaveLength(10)
  })

  test('asks nobody else while ten have yet to answer, for as long as many round trips take', () => {
    const node = makeNode({ greeters: false })
    for (let index = 0; index < 600; index++) {
      node.handle({ type: 'candidate-appeared', endpoint: endpointOf('xmpp', `peer${index}`), elder: true }, 0)
    }
    const later: number[] = []
    for (let now = node.deadlineMs; now !== undefined && now <= 30_000; now = node.deadlineMs) {
      later.push(...dialled(node.handle({ type: 'wake' }, now)).map(() => now as number))
    }
    expect(later.length).toBeGreaterThan(0)
    expect(later.length).toBeLessThanOrEqual(40)
    expect(Math.min(...later)).toBeGreaterThanOrEqual(6_000)
  })

  test('asks three of them at once, and ten when those have not let it in', () => {
    const node = makeNode()
    const asked: string[] = []
    for (let index = 0; index < 600; index++) {
      const endpoint = endpointOf('xmpp', `peer${index}`)
      asked.push(...dialled(node.handle({ type: 'candidate-appeared', endpoint, elder: true }, 0)))
    }
    expect(new Set(asked).size).toBe(3)
    const [first, second] = roundsOf(pass(node, 0, 5_000))
    // The first three have not answered.
    expect([first?.length, second?.length]).toEqual([7, 7])
  })

  test('never asks more than ten in a round, and in the end about ten every ten seconds', () => {
    const node = makeNode()
    for (let index = 0; index < 600; index++) {
      node.handle({ type: 'candidate-appeared', endpoint: endpointOf('xmpp', `peer${index}`), elder: true }, 0)
    }
    const dials = pass(node, 0, 120_000)
    const rounds = roundsOf(dials)
    for (const round of rounds) {
      expect(round.length).toBeLessThanOrEqual(10)
      expect(new Set(round.map(({ endpoint }) => endpoint)).size).toBe(round.length)
    }
    const late = dials.filter(({ atMs }) => atMs > 60_000)
    expect(late.length).toBeGreaterThan(20)
    expect(late.length).toBeLessThanOrEqual(120)
  })
})

function roundsOf(dials: { atMs: number; endpoint: string }[]) {
  const rounds = new Map<number, typeof dials>()
  for (const dial of dials) rounds.set(dial.atMs, [...(rounds.get(dial.atMs) ?? []), dial])
  return [...rounds.values()]
}

describe('a candidate that came after us', () => {
  test('is left to dial us first, and dialled when it does not', () => {
    const node = makeNode()
    const endpoint = endpointOf('xmpp', 'younger')
    expect(dialled(node.handle({ type: 'candidate-appeared', endpoint, elder: false }, 0))).toEqual([])
    const dials = pass(node, 0, 5_000)
    expect(dials[0]?.endpoint).toBe(endpoint)
    expect(dials[0]?.atMs).toBeGreaterThan(500)
  })

  test('is not dialled any more when it has vanished', () => {
    const node = makeNode()
    const endpoint = endpointOf('xmpp', 'younger')
    node.handle({ type: 'candidate-appeared', endpoint, elder: false }, 0)
    node.handle({ type: 'candidate-vanished', endpoint }, 10)
    expect(pass(node, 10, 60_000)).toEqual([])
  })
})

describe('candidates', () => {
  test('of an unknown scheme are dropped and counted', () => {
    const node = makeNode()
    node.handle({ type: 'candidate-appeared', endpoint: endpointOf('carrier-pigeon', 'x'), elder: true }, 0)
    expect(node.counters.get('candidate: unknown scheme')).toBe(1)
  })

  test('beyond the limit are dropped and counted', () => {
    const node = makeNode()
    for (let index = 0; index < 2_010; index++) {
      node.handle({ type: 'candidate-appeared', endpoint: endpointOf('xmpp', `peer${index}`), elder: false }, 0)
    }
    expect(node.counters.get('candidate: too many')).toBe(10)
  })
})

describe('a node that is shown greeters', () => {
  test('asks one of them when it has seen all, and a few when that one does not let it in', () => {
    const node = makeNode()
    for (let index = 0; index < 16; index++) {
      const endpoint = endpointOf('xmpp', `peer${index}`)
      const effects = node.handle({ type: 'candidate-appeared', endpoint, elder: true, greeter: true }, 0)
      expect(dialled(effects)).toEqual([])
    }
    const [first, second, third] = roundsOf(pass(node, 0, 5_000))
    expect([first?.length, second?.length, third?.length]).toEqual([1, 3, 3])
  })
})

describe('a node to which few are shown', () => {
  const table = new ConnectionTable(nodeAddress(new Uint8Array(20).fill(0)))
  const transports = [{ scheme: 'xmpp', kind: 'relay' as const }]
  const config = nodeConfig({ address: table.self, incarnation: 1, namespace: 'd'.repeat(40), transports })

  test('expects those whom it dials, and those who came after it until they have had the time to dial', () => {
    const core = { config, table, nowMs: 0, endpoints: [], random: () => 0.5, count: () => undefined }
    const dialling = new Set<string>()
    const linker = {
      dial: (endpoint: string) => dialling.add(endpoint),
      isDialling: (endpoint: string) => dialling.has(endpoint),
    }
    const overlord = new LeafOverlord(core as unknown as NodeCore, linker as unknown as Linker, ALL_SHOWN)
    expect(overlord.expectsSomebody).toBe(false)
    overlord.appeared(endpointOf('xmpp', 'elder'), true)
    expect(overlord.expectsSomebody).toBe(true)
    dialling.clear()
    expect(overlord.expectsSomebody).toBe(false)
    overlord.appeared(endpointOf('xmpp', 'newcomer'), false)
    expect(overlord.expectsSomebody).toBe(true)
    core.nowMs = config.profile.newcomerGraceMs
    expect(overlord.expectsSomebody).toBe(false)
    for (let index = 0; index < 10; index++) overlord.appeared(endpointOf('xmpp', `one of many ${index}`), true)
    expect(overlord.expectsSomebody).toBe(false)
  })
})

describe('a node whose ring is whole', () => {
  /** Of so many linked all to all; returns when the node first dials the stranger that appeared. */
  function askedAfterMs(nodes: number, elder: boolean): number | undefined {
    const at = (place: number) => nodeAddress(new Uint8Array(20).fill(place))
    const table = new ConnectionTable(at(0))
    for (let index = 1; index < nodes; index++) connect(table, at(2 * index))
    const config = nodeConfig({
      address: at(0),
      incarnation: 1,
      namespace: 'd'.repeat(40),
      transports: [{ scheme: 'xmpp', kind: 'relay' }],
    })
    // What a leaf overlord touches of a node, and no more.
    const core = { config, table, nowMs: 0, endpoints: [], random: () => 0.5, count: () => undefined }
    let dialledAtMs: number | undefined
    const dial = () => {
      dialledAtMs ??= core.nowMs
    }
    const overlord = new LeafOverlord(
      core as unknown as NodeCore,
      { dial, isDialling: () => false } as unknown as Linker,
      ALL_SHOWN,
    )
    overlord.review(true)
    overlord.appeared(endpointOf('xmpp', 'stranger'), elder)
    while (dialledAtMs === undefined && overlord.deadlineMs !== undefined && core.nowMs < 20_000) {
      core.nowMs = overlord.deadlineMs
      overlord.wake()
    }
    return dialledAtMs
  }

  test('gives up the link to a stranger also when that took long to make', () => {
    const table = new ConnectionTable(nodeAddress(new Uint8Array(20).fill(0)))
    const config = nodeConfig({ address: table.self, incarnation: 1, namespace: 'd'.repeat(40), transports: [] })
    const core = { config, table, nowMs: 0, endpoints: [], random: () => 0.5, count: () => undefined }
    const overlord = new LeafOverlord(core as unknown as NodeCore, {} as unknown as Linker, ALL_SHOWN)
    const pass = (ms: number) => {
      core.nowMs += ms
      if ((overlord.deadlineMs ?? Number.POSITIVE_INFINITY) <= core.nowMs) overlord.wake()
    }
    overlord.review(true)
    pass(9_000)
    const connection = connect(table, nodeAddress(new Uint8Array(20).fill(9)), LEAF)
    overlord.linked(LEAF)
    pass(4_900)
    expect(hasRole(connection.roles, LEAF)).toBe(true)
    pass(200)
    expect(hasRole(connection.roles, LEAF)).toBe(false)
  })

  test('gives newcomers time to join by themselves', () => {
    expect(askedAfterMs(2, false)).toBeGreaterThanOrEqual(2_000)
  })

  test('asks an elder soon where the ring is small, because it is the newcomer there', () => {
    expect(askedAfterMs(2, true)).toBeLessThanOrEqual(200)
    expect(askedAfterMs(5, true)).toBeLessThanOrEqual(400)
  })
})
