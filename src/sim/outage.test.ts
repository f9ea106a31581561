import { describe, expect, test } from 'vitest'
import type { Connection } from '../overlay/connection.ts'
import { crawlComplaint } from './crawl.ts'
import { seeds } from './seeds.ts'
import { type Inhabitant, World } from './world.ts'

const LIMIT_MS = 60_000
/** All direct by then, and links that the cascade only passed through given up. */
const SETTLED_MS = 40_000
const NODES = 12

/** A ring whose service can go down: then no relay carries anything, and nothing new is dialled, as offers need it. */
class Served {
  readonly world: World
  private down = false

  constructor(seed: number) {
    this.world = new World({ seed, reachable: () => !this.down })
    this.world.startTogether(NODES)
    this.world.runUntil(() => this.world.isOneRing, LIMIT_MS)
    this.world.run(SETTLED_MS)
    expect({ seed, why: crawlComplaint(this.world) }).toEqual({ seed, why: undefined })
  }

  set isDown(down: boolean) {
    this.down = down
    const names = this.world.nodes.map(({ name }) => name)
    for (const a of names) {
      for (const b of names) {
        if (a >= b) continue
        if (down) this.world.relay.cut(a, b)
        else this.world.relay.heal(a, b)
      }
    }
  }

  /** The links that the ring stands on. */
  get nextLinks(): (Connection | undefined)[] {
    return this.world.nodes.map(({ node }) => node.table.get(node.near.left[0] as never))
  }
}

describe('while the service is down', () => {
  test('a ring of direct links holds, and not one link that it stands on is made anew', () => {
    for (const seed of seeds(2)) {
      const served = new Served(seed)
      const before = served.nextLinks
      served.isDown = true
      for (let second = 0; second < 40; second++) {
        served.world.run(1_000)
        expect({ seed, second, why: served.world.whyNoRing() }).toEqual({ seed, second, why: undefined })
      }
      expect(served.nextLinks.every((link, index) => link === before[index])).toBe(true)
    }
  })

  test('it heals: new neighbours have a tunnel where they have a neighbour in common, and messages arrive', () => {
    for (const seed of seeds(3)) {
      const served = new Served(seed)
      const { world } = served
      served.isDown = true
      for (let round = 0; round < 2; round++) {
        const gone = world.inRingOrder[(5 * round) % world.nodes.length] as Inhabitant
        if (round % 2 === 0) world.leave(gone)
        else world.crash(gone, 'unnoticed')
        const healed = world.runUntil(() => world.isOneRing, 15_000)
        expect({ seed, round, healed }).toEqual({ seed, round, healed: true })
      }
      for (const from of world.nodes) {
        for (const to of world.nodes) if (from !== to) void from.driver.send(to.address, Uint8Array.of(1))
      }
      world.run(20_000)
      const kinds = new Set(world.nodes.flatMap(({ node }) => [...node.table.all()].map(({ active }) => active?.kind)))
      expect(kinds.has('relay')).toBe(false)
      for (const { delivered } of world.nodes) expect(delivered).toHaveLength(world.nodes.length - 1)
    }
  })
})

test('when the service is back no link is disturbed, what stood on tunnels becomes direct, and a newcomer enters', () => {
  for (const seed of seeds(2)) {
    const served = new Served(seed)
    const { world } = served
    served.isDown = true
    for (let round = 0; round < 3; round++) {
      world.leave(world.inRingOrder[(5 * round) % world.nodes.length] as Inhabitant)
      world.run(10_000)
    }
    const before = served.nextLinks
    served.isDown = false
    world.run(30_000)
    expect(served.nextLinks.every((link, index) => link === before[index])).toBe(true)
    const newcomer = world.add()
    expect({ seed, entered: world.runUntil(() => world.isOneRing, 10_000) }).toEqual({ seed, entered: true })
    expect(newcomer.node.state).toBe('connected')
    const direct = () => served.nextLinks.every((link) => link?.active?.kind === 'direct')
    expect({ seed, direct: world.runUntil(direct, 600_000) }).toEqual({ seed, direct: true })
  }
})
