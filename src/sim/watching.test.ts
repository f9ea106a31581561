import { describe, expect, test } from 'vitest'
import { hasRole, NEAR } from '../overlay/role.ts'
import { seeds } from './seeds.ts'
import { type Inhabitant, World } from './world.ts'

const LIMIT_MS = 60_000
const NODES = 60
/** Silence that is allowed beside us, and the wait for an answer. */
const BESIDE_NOTICED_MS = 4_000
/** The same for those that are seldom asked. */
const ALL_NOTICED_MS = 9_000
/** From the use of a link to the end of the wait for an answer. */
const USED_NOTICED_MS = 2_500

function settled(seed: number): World {
  const world = new World({ seed })
  world.startTogether(NODES)
  world.runUntil(() => world.isOneRing, LIMIT_MS)
  world.run(60_000)
  expect({ seed, why: world.whyNoRing() }).toEqual({ seed, why: undefined })
  return world
}

/** One that nobody is just about to be linked to: a relay is given 8 s for an answer, as a service may throttle. */
function allDirect(world: World): Inhabitant {
  const isDirect = ({ node }: Inhabitant) => [...node.table.all()].every(({ active }) => active?.kind === 'direct')
  return world.inRingOrder.slice(20, -2).find(isDirect) as Inhabitant
}

const linkedTo = (world: World, { address }: Inhabitant) => world.nodes.filter(({ node }) => node.table.get(address))

describe('a node', () => {
  /** Who says that it may be cut off. */
  function isolated(seed: number, befall: (world: World) => void): string[] {
    const names: string[] = []
    const world = new World({
      seed,
      witness: (name, _, effects) => {
        if (effects.some(({ type }) => type === 'isolated')) names.push(name)
      },
    })
    world.startTogether(8)
    world.runUntil(() => world.isOneRing, LIMIT_MS)
    world.run(20_000)
    names.length = 0
    befall(world)
    world.run(2_800)
    return names
  }

  test('that hears nobody any more says within 2.8 s that it may be cut off, and nobody else does', () => {
    for (const seed of seeds(4)) {
      // Its own network is gone, and so is the service's word of who is there.
      const befall = (world: World) => {
        for (const { name } of world.nodes) {
          if (name !== 'n3') for (const network of [world.relay, world.direct]) network.cut('n3', name)
        }
      }
      expect({ seed, names: isolated(seed, befall) }).toEqual({ seed, names: ['n3'] })
    }
  })

  test('that loses one of seven does not', () => {
    for (const seed of seeds(4)) {
      const befall = (world: World) => world.crash(world.nodes[2] as Inhabitant, 'unnoticed')
      expect({ seed, names: isolated(seed, befall) }).toEqual({ seed, names: [] })
    }
  })
})

describe('in a large ring a node that dies without a word', () => {
  test('is missed within 4 s by those next to it, and within 9 s by everybody linked to it', () => {
    for (const seed of seeds(4)) {
      const world = settled(seed)
      const ring = world.inRingOrder
      const dead = allDirect(world)
      const place = ring.indexOf(dead)
      const beside = [-2, -1, 1, 2].map((steps) => ring[place + steps] as Inhabitant)
      world.crash(dead, 'unnoticed')
      world.run(BESIDE_NOTICED_MS)
      expect({ seed, blind: linkedTo(world, dead).filter((node) => beside.includes(node)) }).toEqual({
        seed,
        blind: [],
      })
      world.run(ALL_NOTICED_MS - BESIDE_NOTICED_MS)
      expect({ seed, blind: linkedTo(world, dead).length }).toEqual({ seed, blind: 0 })
    }
  })

  test('is missed within 2.5 s by those who have just sent it something', () => {
    for (const seed of seeds(4)) {
      const world = settled(seed)
      const dead = allDirect(world)
      const far = linkedTo(world, dead).filter(
        ({ node }) => !hasRole(node.table.get(dead.address)?.allRoles ?? NEAR, NEAR),
      )
      expect(far.length).toBeGreaterThan(1)
      world.crash(dead, 'unnoticed')
      // Nobody may say it to anybody: what they find out they find out by themselves.
      world.run(1_600)
      for (const from of far) void from.driver.send(dead.address, Uint8Array.of(1))
      world.run(USED_NOTICED_MS)
      expect({ seed, blind: far.filter(({ node }) => node.table.get(dead.address)).length }).toEqual({ seed, blind: 0 })
    }
  })
})

test('of a large ring those next to a node are asked after more often than the others', () => {
  const asked = { beside: 0, others: 0, links: { beside: 0, others: 0 } }
  let world: World
  let listening = false
  world = new World({
    seed: 1,
    witness: (name, _, effects) => {
      if (!listening) return
      const self = world.inhabitants.get(name)
      for (const effect of effects) {
        if (effect.type !== 'transmit' || effect.bytes[0] !== 5) continue
        const address = self?.node.table.ofChannel(effect.channel)?.address
        if (address && isBeside(self as Inhabitant, address)) asked.beside++
        else asked.others++
      }
    },
  })
  const isBeside = ({ node }: Inhabitant, address: unknown) =>
    [...node.near.left.slice(0, 2), ...node.near.right.slice(0, 2)].some((near) => near === address)
  world.startTogether(NODES)
  world.runUntil(() => world.isOneRing, LIMIT_MS)
  world.run(60_000)
  listening = true
  world.run(30_000)
  for (const inhabitant of world.nodes) {
    for (const { address } of inhabitant.node.table.all()) {
      if (isBeside(inhabitant, address)) asked.links.beside++
      else asked.links.others++
    }
  }
  const perLink = { beside: asked.beside / asked.links.beside, others: asked.others / asked.links.others }
  expect(perLink.beside).toBeGreaterThan(1.5 * perLink.others)
})
