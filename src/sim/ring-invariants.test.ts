import { describe, expect, test } from 'vitest'
import { crawlComplaint } from './crawl.ts'
import { isMember, members, missingLink } from './membership.ts'
import { seeds } from './seeds.ts'
import { type Inhabitant, World } from './world.ts'

const LIMIT_MS = 60_000
const SECOND_MS = 1_000

describe('walked to the left from any node, a ring is all of its nodes, each with all links to those next to it', () => {
  for (const loss of [0, 0.1, 0.2]) {
    const how = loss > 0 ? 'or is so again within seconds' : 'at every second'
    test(`at rest, of 2 to 16 nodes, with ${100 * loss} % of packets lost, ${how}`, () => {
      for (const count of [2, 3, 5, 6, 16]) {
        for (const seed of seeds(2)) {
          const world = new World({ seed, latencyMs: 100, loss })
          world.startTogether(count)
          const walked = () => crawlComplaint(world) === undefined
          expect({ seed, count, walked: world.runUntil(walked, LIMIT_MS) }).toEqual({ seed, count, walked: true })
          world.run(15_000)
          for (let second = 0; second < 20; second++) {
            world.run(SECOND_MS)
            // Now and then a frame is lost so many times in a row that it looks like a death, and heals like one.
            if (loss > 0) world.runUntil(walked, 10_000)
            const why = crawlComplaint(world)
            expect({ seed, count, second, why }).toEqual({ seed, count, second, why: undefined })
          }
        }
      }
    })
  }

  test('with as many links on each side as were asked for, where that is not two', () => {
    for (const perSide of [1, 3, 4]) {
      for (const seed of seeds(2)) {
        const world = new World({ seed, behaviour: { perSide } })
        world.startTogether(14)
        const walked = () => crawlComplaint(world) === undefined
        expect({ seed, perSide, walked: world.runUntil(walked, LIMIT_MS) }).toEqual({ seed, perSide, walked: true })
      }
    }
  })
})

describe('no member is ever without a living neighbour on either side', () => {
  for (const [perSide, count] of [
    [2, 3],
    [2, 10],
    [2, 16],
    [3, 10],
  ] as const) {
    test(`at any step of any node, one dying or leaving at a time, of ${count} or more with ${perSide} a side`, () => {
      for (const seed of seeds(2)) expect({ seed, bereft: bereft(seed, count, perSide) }).toEqual({ seed, bereft: [] })
    })
  }

  test('is not so where two next to it die at once and there are no more than two a side', () => {
    const world = atRest(1, 10, 2)
    const [member, first, second] = world.inRingOrder as [Inhabitant, Inhabitant, Inhabitant]
    for (const dead of [first, second]) world.crash(dead, 'unnoticed')
    expect(lacking(world, member)).toEqual([`${member.name} left`])
  })
})

describe('a node believes itself connected', () => {
  for (const [count, loss] of [
    [5, 0],
    [14, 0.1],
    [20, 0],
  ] as const) {
    test(`as soon as the ring is whole, and without it only for seconds while it forms: ${count}, ${loss} lost`, () => {
      for (const seed of seeds(2)) {
        const world = new World({ seed, latencyMs: 100, loss })
        world.startTogether(count)
        let mistakenMs = 0
        for (let stepped = 0; stepped < 8_000; stepped += 10) {
          world.run(10)
          const isWhole = missingLink(world.inRingOrder) === undefined
          const believed = world.nodes.every(({ node }) => node.state === 'connected')
          // Nobody can know of one that nobody has named yet; names and links of a forming ring take some trips each.
          mistakenMs = believed && !isWhole ? mistakenMs + 10 : 0
          expect(mistakenMs, `SEED=${seed}`).toBeLessThan(5_000)
          if (isWhole) expect({ seed, stepped, believed }).toEqual({ seed, stepped, believed: true })
        }
        expect({ seed, why: world.whyNoRing() }).toEqual({ seed, why: undefined })
      }
    })
  }

  test('never for longer than a round or two of rendezvous where rings formed apart in one set of presences', () => {
    for (const seed of seeds(3)) {
      const world = new World({ seed, latencyMs: 50 })
      // Each half sees itself first, and the other half some seconds later.
      world.partition((name) => Number(name.slice(1)) % 2)
      world.startTogether(16)
      world.run(20_000)
      expect({ seed, believed: world.nodes.every(({ node }) => node.state === 'connected') }).toEqual({
        seed,
        believed: true,
      })
      expect(missingLink(world.inRingOrder)).toBeDefined()
      world.reunite()
      const isOne = world.runUntil(() => world.isOneRing, 15_000)
      expect({ seed, isOne }).toEqual({ seed, isOne: true })
    }
  })
})

function atRest(seed: number, count: number, perSide: number): World {
  const world = new World({ seed, latencyMs: 50, behaviour: { perSide } })
  world.startTogether(count)
  world.runUntil(() => crawlComplaint(world) === undefined, LIMIT_MS)
  world.run(15_000)
  expect({ seed, why: crawlComplaint(world) }).toEqual({ seed, why: undefined })
  return world
}

/** The sides on which none of its linked neighbours lives. */
function lacking(world: World, { name, node }: Inhabitant): string[] {
  const isBereft = (side: 'left' | 'right') => !node.near[side].some((address) => world.at(address))
  return (['left', 'right'] as const).filter(isBereft).map((side) => `${name} ${side}`)
}

/** Members that had no living neighbour on a side at some step: one node goes at a time, and never too many. */
function bereft(seed: number, count: number, perSide: number): string[] {
  const found: string[] = []
  let watched: World | undefined
  const world = new World({
    seed,
    latencyMs: 50,
    behaviour: { perSide },
    witness: (name) => {
      const stepped = watched?.inhabitants.get(name)
      if (watched && stepped && !stepped.node.leaving && isMember(watched, stepped))
        found.push(...lacking(watched, stepped))
    },
  })
  world.startTogether(count)
  world.runUntil(() => crawlComplaint(world) === undefined, LIMIT_MS)
  world.run(15_000)
  watched = world
  for (let round = 0; round < 6; round++) {
    // As many as a side has, and one more, are always there.
    if (world.nodes.length <= perSide + 1) world.add()
    world.run(12_000)
    const gone = world.nodes[Math.floor(world.random() * world.nodes.length)] as Inhabitant
    if (round % 2 === 0) world.crash(gone, 'unnoticed')
    else world.leave(gone)
    found.push(...members(world).flatMap((member) => lacking(world, member)))
    world.run(12_000)
    world.add()
  }
  world.run(12_000)
  expect({ seed, why: crawlComplaint(world) }).toEqual({ seed, why: undefined })
  return found
}

test('at rest each end of a link knows which roles the other gives it', () => {
  for (const count of [5, 40]) {
    for (const seed of seeds(3)) {
      const world = new World({ seed, latencyMs: 100 })
      world.startTogether(count)
      world.runUntil(() => world.isOneRing, LIMIT_MS)
      world.run(60_000)
      const mistaken = () =>
        world.nodes.flatMap(({ name, address, node }) =>
          [...node.table.all()]
            .filter((far) => world.at(far.address)?.node.table.get(address)?.roles !== far.status.roles)
            .map((far) => `${name} of ${world.at(far.address)?.name}`),
        )
      // What is on its way at this moment has arrived at another.
      world.runUntil(() => mistaken().length === 0, 5_000)
      expect({ seed, count, mistaken: mistaken() }).toEqual({ seed, count, mistaken: [] })
    }
  }
})
