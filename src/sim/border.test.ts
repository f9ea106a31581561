import { expect, test } from 'vitest'
import type { Endpoint } from '../overlay/endpoint.ts'
import { Border, windowMs } from './border.ts'
import { MailWriter, mailbox, readMail } from './border-mail.ts'
import { type Inhabitant, World } from './world.ts'

const LATENCY_MS = 100

/** The shards of one world, taken through window after window in one thread. */
class Shards {
  readonly worlds: World[] = []
  private readonly borders: Border[] = []
  private readonly boxes: { buffer: SharedArrayBuffer; writer: MailWriter }[][] = []

  constructor(seed: number, count: number) {
    for (let shard = 0; shard < count; shard++) {
      const boxes = Array.from({ length: count }, () => {
        const buffer = mailbox()
        return { buffer, writer: new MailWriter(buffer) }
      })
      const writerTo = (other: number) => (boxes[other] as { writer: MailWriter }).writer
      const border = new Border({ shard, shards: count, writerTo, firstPresencesMs: LATENCY_MS })
      this.boxes.push(boxes)
      this.borders.push(border)
      this.worlds.push(new World({ seed, latencyMs: LATENCY_MS, presenceMs: LATENCY_MS, border }))
    }
  }

  run(forMs: number): void {
    for (let doneMs = 0; doneMs < forMs; doneMs += windowMs(LATENCY_MS)) {
      for (const world of this.worlds) world.run(windowMs(LATENCY_MS))
      for (const [shard, border] of this.borders.entries()) {
        for (const boxes of this.boxes) {
          const { buffer, writer } = boxes[shard] as { buffer: SharedArrayBuffer; writer: MailWriter }
          readMail(buffer, writer.length, (mail, payload) => border.take(mail, payload))
          writer.clear()
        }
      }
    }
  }

  get nodes(): Inhabitant[] {
    return this.worlds.flatMap(({ nodes }) => nodes)
  }
}

function formed(seed: number, count: number, nodes: number): Shards {
  const shards = new Shards(seed, count)
  for (const world of shards.worlds) world.startTogether(nodes)
  shards.run(10_000)
  return shards
}

test('each node lives in one shard, where it would be without any, and all shards together are one ring', () => {
  const whole = new World({ seed: 3 })
  whole.startTogether(30)
  const shards = formed(3, 3, 30)
  const places = (nodes: Inhabitant[]) => nodes.map(({ name, address }) => `${name} ${address}`).sort()
  expect(places(shards.nodes)).toEqual(places(whole.nodes))
  expect(shards.worlds.map((world) => world.nodes.length)).toEqual([10, 10, 10])
  expect(shards.worlds.map((world) => world.whyNoRing())).toEqual([undefined, undefined, undefined])
})

test('a message to a node of another shard arrives and is acknowledged', async () => {
  const shards = formed(1, 2, 12)
  const [from, to] = shards.worlds.map((world) => world.nodes[0] as Inhabitant) as [Inhabitant, Inhabitant]
  const sent = from.driver.send(to.address, Uint8Array.of(1, 2, 3))
  shards.run(2_000)
  expect(await sent).toBeUndefined()
  expect(to.delivered.map(({ from, data }) => ({ from, data: [...data] }))).toEqual([
    { from: from.address, data: [1, 2, 3] },
  ])
})

test('who says goodbye is gone for those in other shards, too, and the ring closes', () => {
  const shards = formed(2, 2, 12)
  const [world, other] = shards.worlds as [World, World]
  const gone = world.nodes[0] as Inhabitant
  expect(other.nodes.some(({ node }) => node.table.get(gone.address))).toBe(true)
  world.leave(gone)
  shards.run(3_000)
  expect(shards.nodes.filter(({ node }) => node.table.get(gone.address))).toEqual([])
})

test('a channel that is given up before it opens is closed at its far end', () => {
  const shards = new Shards(1, 2)
  for (const world of shards.worlds) world.startTogether(0)
  const [a, b] = shards.worlds.map((world) => {
    world.add({ introduce: false })
    world.add({ introduce: false })
    return world.nodes[0] as Inhabitant
  }) as [Inhabitant, Inhabitant]
  const [relay] = a.transports
  const [far] = b.transports
  const ends: string[] = []
  far?.listen((channel) => {
    ends.push('arrived')
    channel.bind({
      opened: () => undefined,
      message: () => undefined,
      writable: () => undefined,
      kindChanged: () => undefined,
      closed: (reason) => ends.push(reason),
    })
  })
  relay?.dial(far?.endpoint as Endpoint).close('changed my mind')
  shards.run(2_000)
  expect(ends).toEqual(['arrived', 'closed by the far end'])
})

test('a window is no longer than the quickest frame takes, and there is none where frames are too quick', () => {
  expect([100, 20, 13, 12, 0].map(windowMs)).toEqual([80, 10, 10, 0, 0])
})
