import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { SILENCE_MS } from './people.ts'
import { type FakeRing, FakeWorld, fakeAddress } from './ring-fake.ts'
import { HELLO_DAMPING_MS, HELLO_EVERY_MS, MAX_MESSAGES, Space } from './space.ts'
import { encodeSpaceMessage, MAX_MESSAGE_BYTES } from './space-wire.ts'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

test('everyone lists everyone, also those without a link of their own', async () => {
  const { spaces } = await chainOf('Ann', 'Ben', 'Cid', 'Dot')
  expect(namesSeenBy(spaces[0])).toEqual(['Ben', 'Cid', 'Dot'])
  expect(namesSeenBy(spaces[3])).toEqual(['Ann', 'Ben', 'Cid'])
  expect(spaces[0]?.people.map(({ kind }) => kind)).toEqual(['direct', undefined, undefined])
})

test('a linked peer is listed before it has told its name', () => {
  const world = new FakeWorld()
  const ring = world.add(0)
  const space = new Space(ring, 'Ann', () => {})
  world.link(ring, world.add(0.5), 'relay')
  expect(space.people).toMatchObject([{ named: false, name: '800000', kind: 'relay' }])
})

test('somebody unknown who says hello is told our name, and only once', async () => {
  const { world, spaces } = await chainOf('Ann', 'Ben')
  const stranger = world.add(0.9)
  const heard: unknown[] = []
  stranger.on('message', ({ data }) => heard.push(JSON.parse(new TextDecoder().decode(data))))
  const hello = (seq: number) => encodeSpaceMessage({ type: 'hello', seq, name: 'Cid', links: [] })
  await stranger.broadcast(hello(1))
  await stranger.broadcast(hello(2))
  expect(heard).toMatchObject([
    { type: 'hello', name: 'Ann' },
    { type: 'hello', name: 'Ben' },
  ])
  expect(namesSeenBy(spaces[0])).toEqual(['Ben', 'Cid'])
})

test('peers that join together cost one hello', async () => {
  const world = new FakeWorld()
  const ring = world.add(0)
  const broadcast = vi.spyOn(ring, 'broadcast')
  new Space(ring, 'Ann', () => {})
  for (const place of [0.1, 0.2, 0.3, 0.4]) world.link(ring, world.add(place))
  await vi.advanceTimersByTimeAsync(HELLO_DAMPING_MS)
  expect(broadcast).toHaveBeenCalledTimes(1)
})

test('a new delay is no reason for a hello, a new kind of link is', async () => {
  const { world, rings } = await chainOf('Ann', 'Ben')
  const [a, b] = rings as [FakeRing, FakeRing]
  const broadcast = vi.spyOn(a, 'broadcast')
  world.link(a, b, 'direct', 20)
  await vi.advanceTimersByTimeAsync(HELLO_DAMPING_MS)
  expect(broadcast).not.toHaveBeenCalled()
  world.link(a, b, 'turn', 20)
  await vi.advanceTimersByTimeAsync(HELLO_DAMPING_MS)
  expect(broadcast).toHaveBeenCalledTimes(1)
})

test('everyone learns of the links of others', async () => {
  const { rings, spaces } = await chainOf('Ann', 'Ben', 'Cid')
  const cid = spaces[0]?.people.find(({ name }) => name === 'Cid')
  expect(cid?.links).toEqual([{ to: rings[1]?.address, kind: 'direct' }])
})

test('who says goodbye is gone from every list at once, and a late hello does not bring them back', async () => {
  const { rings, spaces } = await chainOf('Ann', 'Ben', 'Cid', 'Dot')
  const late = encodeSpaceMessage({ type: 'hello', seq: 1, name: 'Dot', links: [] })
  spaces[3]?.leave()
  expect(spaces.slice(0, 3).map(namesSeenBy)).toEqual([
    ['Ben', 'Cid'],
    ['Ann', 'Cid'],
    ['Ann', 'Ben'],
  ])
  rings[0]?.emit('message', { from: rings[3]?.address ?? fakeAddress(0), data: late, broadcast: true })
  expect(namesSeenBy(spaces[0])).toEqual(['Ben', 'Cid'])
  expect(spaces[0]?.dropped.get('stale hello')).toBe(1)
})

test('leaving says goodbye and leaves the ring before the call returns', async () => {
  const { rings, spaces } = await chainOf('Ann', 'Ben')
  const told: string[] = []
  rings[1]?.on('message', ({ data }) => told.push(new TextDecoder().decode(data)))
  spaces[0]?.leave()
  expect(told.map((text) => JSON.parse(text).type)).toEqual(['bye'])
  expect(rings[0]?.left).toBe(true)
})

test('one who vanishes without a word is gone from the lists of those without a link to them', async () => {
  const { world, rings, spaces } = await chainOf('Ann', 'Ben', 'Cid', 'Dot')
  world.kill(rings[3] as FakeRing)
  expect(namesSeenBy(spaces[0])).toEqual(['Ben', 'Cid'])
  expect(namesSeenBy(spaces[2])).toEqual(['Ann', 'Ben'])
})

test('one who was only unlinked comes back by a hello', async () => {
  const { world, rings, spaces } = await chainOf('Ann', 'Ben', 'Cid')
  world.cut(rings[1] as FakeRing, rings[2] as FakeRing)
  expect(namesSeenBy(spaces[0])).toEqual(['Ben'])
  await vi.advanceTimersByTimeAsync(HELLO_DAMPING_MS)
  expect(namesSeenBy(spaces[0])).toEqual(['Ben', 'Cid'])
})

test('nobody can talk away a peer that we have a link to', async () => {
  const { rings, spaces } = await chainOf('Ann', 'Ben', 'Cid')
  await rings[2]?.broadcast(encodeSpaceMessage({ type: 'gone', address: rings[1]?.address ?? fakeAddress(0) }))
  expect(namesSeenBy(spaces[0])).toEqual(['Ben', 'Cid'])
})

test('the silent are forgotten, unless there is a link to them', async () => {
  const { world, spaces } = await chainOf('Ann', 'Ben', 'Cid')
  const silent = world.add(0.9)
  await silent.broadcast(encodeSpaceMessage({ type: 'hello', seq: 1, name: 'Eve', links: [] }))
  expect(namesSeenBy(spaces[0])).toEqual(['Ben', 'Cid', 'Eve'])
  await vi.advanceTimersByTimeAsync(SILENCE_MS + 5_000)
  expect(namesSeenBy(spaces[0])).toEqual(['Ben', 'Cid'])
})

test('what the ring warns of is said in the space, and taken back when it is over', async () => {
  const { spaces, rings } = await chainOf('Ann', 'Ben')
  const [ring, space] = [rings[0] as FakeRing, spaces[0] as Space]
  ring.warnings = ['Somebody pretended.']
  await vi.advanceTimersByTimeAsync(5_000)
  expect(space.warnings).toEqual(['Somebody pretended.'])
  ring.warnings = []
  await vi.advanceTimersByTimeAsync(5_000)
  expect(space.warnings).toEqual([])
})

test('hello is repeated for those who missed it', async () => {
  const { rings } = await chainOf('Ann', 'Ben')
  const broadcast = vi.spyOn(rings[0] as FakeRing, 'broadcast')
  await vi.advanceTimersByTimeAsync(HELLO_EVERY_MS + 5_000)
  expect(broadcast).toHaveBeenCalledTimes(1)
})

test('people of the same name are told apart', async () => {
  const { spaces } = await chainOf('Ann', 'Ben', 'Ben', 'Ann')
  expect(namesSeenBy(spaces[0])).toEqual(['Ann c000', 'Ben 4000', 'Ben 8000'])
})

test('a new name reaches everyone', async () => {
  const { spaces } = await chainOf('Ann', 'Ben', 'Cid')
  spaces[0]?.rename('Zoe')
  await vi.advanceTimersByTimeAsync(HELLO_DAMPING_MS)
  expect(namesSeenBy(spaces[2])).toEqual(['Ben', 'Zoe'])
})

test('a message to all arrives at all, marked as such', async () => {
  const { rings, spaces } = await chainOf('Ann', 'Ben', 'Cid')
  spaces[0]?.say('all', 'Good morning')
  await vi.advanceTimersByTimeAsync(0)
  for (const space of spaces.slice(1)) {
    expect(space.messages).toMatchObject([{ from: rings[0]?.address, to: 'all', text: 'Good morning', incoming: true }])
  }
  expect(spaces[0]?.messages).toMatchObject([{ incoming: false, delivery: { name: 'delivered' } }])
})

test('a message to one arrives at that one only, marked as such', async () => {
  const { rings, spaces } = await chainOf('Ann', 'Ben', 'Cid')
  const cid = rings[2]?.address ?? fakeAddress(0)
  spaces[0]?.say(cid, 'Psst')
  await vi.advanceTimersByTimeAsync(0)
  expect(spaces[1]?.messages).toEqual([])
  expect(spaces[2]?.messages).toMatchObject([{ to: cid, text: 'Psst' }])
})

test('what could not be delivered stays, with the reason, and can be sent again', async () => {
  const world = new FakeWorld()
  const space = new Space(world.add(0), 'Ann', () => {})
  space.say('all', 'Anybody?')
  expect(space.messages).toMatchObject([{ delivery: { name: 'sending' } }])
  await vi.advanceTimersByTimeAsync(0)
  expect(space.messages).toMatchObject([
    { delivery: { name: 'undelivered', reason: expect.stringContaining('nobody in this space') } },
  ])
  world.add(0.5)
  space.sayAgain(space.messages[0]?.id ?? '')
  await vi.advanceTimersByTimeAsync(0)
  expect(space.messages).toMatchObject([{ delivery: { name: 'delivered' } }])
})

test('the reason names whom it could not reach', async () => {
  const { world, rings, spaces } = await chainOf('Ann', 'Ben')
  world.rings.splice(world.rings.indexOf(rings[1] as FakeRing), 1)
  spaces[0]?.say(rings[1]?.address ?? fakeAddress(0), 'Still there?')
  await vi.advanceTimersByTimeAsync(0)
  expect(spaces[0]?.messages).toMatchObject([
    { delivery: { name: 'undelivered', reason: expect.stringMatching(/^Ben did not acknowledge/) } },
  ])
})

test('a message that arrives twice is shown once', async () => {
  const { rings, spaces } = await chainOf('Ann', 'Ben')
  const say = encodeSpaceMessage({ type: 'say', id: 'x', text: 'once' })
  await rings[1]?.broadcast(say)
  await rings[1]?.broadcast(say)
  expect(spaces[0]?.messages).toHaveLength(1)
  expect(spaces[0]?.unread).toBe(1)
})

test('unread messages are counted until they are read', async () => {
  const { spaces } = await chainOf('Ann', 'Ben')
  spaces[1]?.say('all', 'one')
  spaces[1]?.say('all', 'two')
  expect(spaces[0]?.unread).toBe(2)
  expect(spaces[1]?.unread).toBe(0)
  spaces[0]?.markRead()
  expect(spaces[0]?.unread).toBe(0)
})

test('only the last messages are kept', async () => {
  const { rings, spaces } = await chainOf('Ann', 'Ben')
  for (let count = 0; count < MAX_MESSAGES + 5; count++) {
    await rings[1]?.broadcast(encodeSpaceMessage({ type: 'say', id: String(count), text: 'flood' }))
  }
  expect(spaces[0]?.messages).toHaveLength(MAX_MESSAGES)
  expect(spaces[0]?.messages[0]?.id).toBe('5')
})

test('hostile bytes are dropped and counted, and change nothing that is shown', async () => {
  const { rings, spaces } = await chainOf('Ann', 'Ben')
  const space = spaces[0] as Space
  const hostile = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).filter((bytes) => bytes[0] !== '{'.charCodeAt(0)),
    fc
      .json()
      .filter((text) => !/"type"/.test(text))
      .map(bytesOf),
    fc.constantFrom('hello', 'bye', 'gone', 'say').map((type) => bytesOf(JSON.stringify({ type }))),
    fc.constant(bytesOf(JSON.stringify({ type: 'hello', seq: 1e308, name: 'Eve', links: [] }))),
    fc.constant(bytesOf(JSON.stringify({ type: 'hello', seq: 1, name: '\u202e\u0000 ', links: [] }))),
    fc.constant(bytesOf(JSON.stringify({ type: 'say', id: 'x'.repeat(65), text: 'a' }))),
    fc.constant(bytesOf(JSON.stringify({ type: 'gone', address: '../../etc' }))),
    fc.constant(bytesOf(JSON.stringify({ type: 'say', id: 'x', text: 'a'.repeat(MAX_MESSAGE_BYTES) }))),
  )
  let total = [...space.dropped.values()].reduce((sum, count) => sum + count, 0)
  fc.assert(
    fc.property(hostile, (data) => {
      rings[0]?.emit('message', { from: fakeAddress(0.9), data, broadcast: true })
      expect([...space.dropped.values()].reduce((sum, count) => sum + count, 0)).toBe(++total)
      expect(namesSeenBy(space)).toEqual(['Ben'])
      expect(space.messages).toEqual([])
    }),
  )
})

test('a hello with bad links is kept without them', async () => {
  const { rings, spaces } = await chainOf('Ann', 'Ben')
  const links = [null, 7, { to: 'x', kind: 'direct' }, { to: fakeAddress(0.3), kind: 'magic' }, ...Array(500).fill({})]
  const data = bytesOf(JSON.stringify({ type: 'hello', seq: 1, name: 'Eve', links }))
  rings[0]?.emit('message', { from: fakeAddress(0.9), data, broadcast: true })
  expect(spaces[0]?.people.find(({ name }) => name === 'Eve')?.links).toEqual([])
})

test('losing and regaining the XMPP service is noted', () => {
  const world = new FakeWorld()
  const ring = world.add(0)
  const space = new Space(ring, 'Ann', () => {})
  ring.setService({ name: 'offline', reason: 'closed', retryAtMs: undefined })
  expect(space.service.name).toBe('offline')
  ring.setService({ name: 'online', jid: 'a@b/c' })
  expect(space.service.name).toBe('online')
})

/** A space for each name; each is linked to the next only. */
async function chainOf(...names: string[]): Promise<{ world: FakeWorld; rings: FakeRing[]; spaces: Space[] }> {
  const world = new FakeWorld()
  const rings = names.map((_, index) => world.add(index / names.length))
  const spaces = names.map((name, index) => new Space(rings[index] as FakeRing, name, () => {}))
  rings.slice(1).forEach((ring, index) => {
    world.link(rings[index] as FakeRing, ring)
  })
  await vi.advanceTimersByTimeAsync(2 * HELLO_DAMPING_MS)
  return { world, rings, spaces }
}

function namesSeenBy(space: Space | undefined): string[] {
  return (space?.people ?? []).map(({ name }) => name)
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
