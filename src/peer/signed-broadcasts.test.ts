import { describe, expect, test, vi } from 'vitest'
import type { Address } from '../overlay/address.ts'
import { openBroadcast, type SignedBroadcast, sealBroadcast } from '../security/broadcast-seal.ts'
import { identityOf, SEED_BYTES } from '../security/identity.ts'
import { BROADCAST_OVERHEAD_BYTES, MAX_CHECKED, SignedBroadcasts } from './signed-broadcasts.ts'

const NAMESPACE = 'e'.repeat(40)
const KEY = new Uint8Array(32).fill(3)
const NONCE = new Uint8Array(24).fill(4)
const text = (data: Uint8Array) => new TextDecoder().decode(data)
const bytes = (message: string) => new TextEncoder().encode(message)

type Heard = [from: Address, said: string, broadcast: boolean]

async function member(seed: number, { namespaceHash = NAMESPACE, broadcastKey = KEY, startMs = 1_000 } = {}) {
  const identity = await identityOf(new Uint8Array(SEED_BYTES).fill(seed))
  const broadcasts = new SignedBroadcasts({ identity, namespaceHash, broadcastKey, timeOfDayMs: () => startMs })
  const heard: Heard[] = []
  broadcasts.deliverTo((from, data, broadcast) => heard.push([from, text(data), broadcast]))
  const dropped = () => Object.fromEntries(broadcasts.dropped)
  /** All that was given so far has been checked. */
  const checked = () => vi.waitFor(() => expect(broadcasts.settled).toBe(true))
  return { address: identity.address, identity, broadcasts, heard, dropped, checked }
}

/** What a member makes of another's broadcast. */
function remade(sealed: Uint8Array, change: Partial<SignedBroadcast>): Uint8Array {
  const said = openBroadcast(KEY, sealed) as SignedBroadcast
  return sealBroadcast(KEY, NONCE, { ...said, ...change })
}

describe('what is said to all', () => {
  test('is heard as it was said, and only members can read it', async () => {
    const [a, b] = [await member(1), await member(2)]
    const sealed = a.broadcasts.seal(bytes('hello all')).now()
    expect(sealed).toHaveLength('hello all'.length + BROADCAST_OVERHEAD_BYTES)
    expect(Buffer.from(sealed).includes('hello all')).toBe(false)
    b.broadcasts.receive(a.address, sealed, true)
    await b.checked()
    expect(b.heard).toEqual([[a.address, 'hello all', true]])
    expect(b.dropped()).toEqual({})
  })

  test('is heard in whatever order it comes, once each', async () => {
    const [a, b] = [await member(1), await member(2)]
    const said = Array.from({ length: 50 }, (_, number) => a.broadcasts.seal(bytes(`${number}`)).now())
    for (const sealed of [...said].reverse()) b.broadcasts.receive(a.address, sealed, true)
    await b.checked()
    for (const sealed of said) b.broadcasts.receive(a.address, sealed, true)
    await b.checked()
    expect(b.heard.map(([, word]) => Number(word))).toEqual([...Array(50).keys()].reverse())
    expect(b.dropped()).toEqual({ replayed: 50 })
  })

  test('has a higher number each time, also for one who comes back', async () => {
    const number = (sealed: Uint8Array) => openBroadcast(KEY, sealed)?.number
    const before = await member(1)
    expect([1, 2].map(() => number(before.broadcasts.seal(bytes('x')).now()))).toEqual([1_000, 1_001])
    const after = await member(1, { startMs: 5_000 })
    expect(number(after.broadcasts.seal(bytes('x')).now())).toBe(5_000)
  })
})

describe('a broadcast is refused', () => {
  test('as unreadable, if no member has sealed it', async () => {
    const [a, b] = [await member(1, { broadcastKey: new Uint8Array(32).fill(5) }), await member(2)]
    const sealed = b.broadcasts.seal(bytes('x')).now()
    b.broadcasts.receive(a.address, a.broadcasts.seal(bytes('x')).now(), true)
    b.broadcasts.receive(
      b.address,
      sealed.map((byte, at) => (at === 30 ? byte ^ 1 : byte)),
      true,
    )
    b.broadcasts.receive(b.address, sealed.subarray(0, 100), true)
    b.broadcasts.receive(b.address, new Uint8Array(), true)
    await b.checked()
    expect([b.heard, b.dropped()]).toEqual([[], { unreadable: 4 }])
  })

  test.each<[string, Partial<SignedBroadcast>]>([
    ['its words', { data: bytes('bye') }],
    ['its number', { number: 7 }],
    ['its signature', { signature: new Uint8Array(64).fill(1) }],
    ['its key', { signingKey: new Uint8Array(32).fill(1) }],
  ])('as forged, if a member has changed %s', async (_, change) => {
    const [a, b] = [await member(1), await member(2)]
    b.broadcasts.receive(a.address, remade(a.broadcasts.seal(bytes('hello')).now(), change), true)
    await b.checked()
    expect([b.heard, b.dropped()]).toEqual([[], { forged: 1 }])
  })

  test('as forged, if a member says something of its own in the name of another', async () => {
    const [a, b, c] = [await member(1), await member(2), await member(3)]
    b.broadcasts.receive(a.address, c.broadcasts.seal(bytes('I am a')).now(), true)
    await b.checked()
    expect([b.heard, b.dropped()]).toEqual([[], { forged: 1 }])
  })

  test('as forged, if it was said in another namespace', async () => {
    const [a, b] = [await member(1, { namespaceHash: 'f'.repeat(40) }), await member(2)]
    b.broadcasts.receive(a.address, a.broadcasts.seal(bytes('hello')).now(), true)
    await b.checked()
    expect([b.heard, b.dropped()]).toEqual([[], { forged: 1 }])
  })

  test('as replayed, if it was heard before, also where it was sealed anew or comes while the first is checked', async () => {
    const [a, b] = [await member(1), await member(2)]
    const sealed = a.broadcasts.seal(bytes('hello')).now()
    b.broadcasts.receive(a.address, sealed, true)
    b.broadcasts.receive(a.address, sealed, true)
    await b.checked()
    b.broadcasts.receive(a.address, remade(sealed, {}), true)
    await b.checked()
    expect([b.heard.length, b.dropped()]).toEqual([1, { replayed: 2 }])
  })

  test('when too many are being checked', async () => {
    const [a, b] = [await member(1), await member(2)]
    for (let number = 0; number < MAX_CHECKED + 5; number++) {
      b.broadcasts.receive(a.address, a.broadcasts.seal(bytes('x')).now(), true)
    }
    await b.checked()
    expect([b.heard.length, b.dropped()]).toEqual([MAX_CHECKED, { 'too many at once': 5 }])
  })
})

test('a forged broadcast does not keep the true one of its number from being heard', async () => {
  const [a, b] = [await member(1), await member(2)]
  const sealed = a.broadcasts.seal(bytes('hello')).now()
  b.broadcasts.receive(a.address, remade(sealed, { data: bytes('bye') }), true)
  b.broadcasts.receive(a.address, sealed, true)
  await b.checked()
  expect(b.heard).toEqual([[a.address, 'hello', true]])
})

describe('messages to one', () => {
  test('do not overtake a broadcast of the same sender, and do not wait for those of others', async () => {
    const [a, b, c] = [await member(1), await member(2), await member(3)]
    b.broadcasts.receive(a.address, a.broadcasts.seal(bytes('to all')).now(), true)
    b.broadcasts.receive(a.address, bytes('to you'), false)
    b.broadcasts.receive(c.address, bytes('from another'), false)
    await b.checked()
    expect(b.heard).toEqual([
      [c.address, 'from another', false],
      [a.address, 'to all', true],
      [a.address, 'to you', false],
    ])
  })

  test('are handed on at once where nothing is being checked', async () => {
    const [a, b] = [await member(1), await member(2)]
    b.broadcasts.receive(a.address, bytes('to you'), false)
    expect(b.heard).toEqual([[a.address, 'to you', false]])
  })
})
