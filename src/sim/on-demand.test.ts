import { describe, expect, test } from 'vitest'
import type { SendFailure } from '../overlay/effects.ts'
import { endpointOf } from '../overlay/endpoint.ts'
import type { NodeConfig } from '../overlay/node-config.ts'
import { hasRole, NO_ROLES, ON_DEMAND } from '../overlay/role.ts'
import { MODERN } from '../overlay/timer-profile.ts'
import { seeds } from './seeds.ts'
import { type Inhabitant, World } from './world.ts'

const LIMIT_MS = 60_000
const IDLE_MS = MODERN.onDemandIdleMs

type Pair = { world: World; from: Inhabitant; to: Inhabitant }

/** A ring at rest, and two of its nodes that have no link, nor a presence that might make one in passing. */
function pair(seed: number, behaviour: Partial<NodeConfig> = {}): Pair {
  const world = new World({ seed, behaviour })
  world.addMany(20)
  world.runUntil(() => world.isOneRing, LIMIT_MS)
  world.run(45_000)
  for (const from of world.nodes) {
    const to = world.nodes.find((other) => other !== from && !from.node.table.get(other.address))
    if (!to) continue
    from.driver.give({ type: 'candidate-vanished', endpoint: endpointOf('xmpp', to.name) })
    to.driver.give({ type: 'candidate-vanished', endpoint: endpointOf('xmpp', from.name) })
    return { world, from, to }
  }
  throw new Error(`every pair is linked, SEED=${seed}`)
}

const numbered = (number: number) => new Uint8Array(new Uint32Array([number]).buffer)
const numberIn = (data: Uint8Array) => new Uint32Array(data.slice().buffer)[0] as number
const linkOf = ({ from, to }: Pair) => from.node.table.get(to.address)
/** Whether either holds a link for the sake of traffic. */
const isHeld = ({ from, to }: Pair) => {
  const ends = [from.node.table.get(to.address), to.node.table.get(from.address)]
  return ends.some((end) => hasRole(end?.roles ?? NO_ROLES, ON_DEMAND))
}
const flush = () => new Promise<void>((resolve) => setImmediate(resolve))

describe('traffic between two nodes that have no link', () => {
  test('makes one, and no message is lost, doubled or out of order when it moves there', async () => {
    for (const seed of seeds(2)) {
      const scene = pair(seed)
      const { world, from, to } = scene
      const failures: (SendFailure | undefined)[] = []
      for (let number = 0; number < 300; number++) {
        void from.driver.send(to.address, numbered(number)).then((failure) => failures.push(failure))
        world.run(10)
      }
      expect({ seed, kind: linkOf(scene)?.active?.kind }).toEqual({ seed, kind: 'direct' })
      world.run(5_000)
      await flush()
      expect(to.delivered.map(({ data }) => numberIn(data))).toEqual(Array.from({ length: 300 }, (_, index) => index))
      expect(failures).toEqual(Array(300).fill(undefined))
      const roles = [linkOf(scene)?.roles, to.node.table.get(from.address)?.roles]
      for (const held of roles) expect(hasRole(held ?? NO_ROLES, ON_DEMAND)).toBe(true)
    }
  })

  test('of a few large messages makes one, too', () => {
    const scene = pair(1)
    for (let count = 0; count < 2; count++) void scene.from.driver.send(scene.to.address, new Uint8Array(9_000))
    scene.world.run(3_000)
    expect(isHeld(scene)).toBe(true)
  })

  test('makes none while it is a message now and then, or is not meant to', () => {
    const now = pair(1)
    for (let count = 0; count < 20; count++) {
      void now.from.driver.send(now.to.address, numbered(count))
      now.world.run(2_000)
      expect(isHeld(now)).toBe(false)
    }
    const off = pair(1, { onDemand: false })
    for (let count = 0; count < 200; count++) void off.from.driver.send(off.to.address, numbered(count))
    off.world.run(20_000)
    expect(isHeld(off)).toBe(false)
    expect(off.to.delivered).toHaveLength(200)
  })

  test('keeps its link while it goes either way, and gives it up when it rests; the ring stays whole', () => {
    for (const seed of seeds(2)) {
      const scene = pair(seed)
      const { world, from, to } = scene
      for (let count = 0; count < 20; count++) void from.driver.send(to.address, numbered(count))
      world.run(3_000)
      // Only answers from now on, of which each comes before the link has been idle for long enough.
      for (let count = 0; count < 4; count++) {
        world.run(0.7 * IDLE_MS)
        expect({ seed, count, linked: linkOf(scene) !== undefined }).toEqual({ seed, count, linked: true })
        void to.driver.send(from.address, numbered(count))
      }
      world.run(IDLE_MS + 10_000)
      // Another role may keep it: a probe of rendezvous has met it, or a shortcut fell on it.
      expect({ seed, held: isHeld(scene) }).toEqual({ seed, held: false })
      expect(world.whyNoRing()).toBeUndefined()
      expect(from.delivered.map(({ data }) => numberIn(data))).toEqual([0, 1, 2, 3])
    }
  })

  test('goes by way of others when the other node bears no more links, and asks again only later', () => {
    const scene = pair(2)
    const { world, from, to } = scene
    to.node.config.onDemand = false
    for (let count = 0; count < 300; count++) {
      void from.driver.send(to.address, numbered(count))
      world.run(30)
    }
    world.run(2_000)
    expect(isHeld(scene)).toBe(false)
    expect(from.node.counters.get('on demand: no link')).toBe(1)
    expect(to.delivered).toHaveLength(300)
  })
})
