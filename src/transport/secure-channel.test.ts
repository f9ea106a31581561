/** Who is let in, and what becomes of those who meddle? Two ends, and a stranger who carries what they say. */
import { utf8ToBytes } from '@noble/hashes/utils.js'
import { describe, expect, test, vi } from 'vitest'
import type { Channel, ChannelEvents, ChannelKind, Transport } from '../ports.ts'
import { addressOf } from '../security/identity.ts'
import { generateKeyPair } from '../security/key-pair.ts'
import { timerClock } from '../xmpp/stanza-exchange.ts'
import { SecureTransport } from './secure-transport.ts'

const ENDPOINT = 'test:far' as Channel['endpoint']
const HELLO = utf8ToBytes('hello, and what follows is for you alone')
/** What the node of each end says to whoever dials it. */
const ACCEPTS = [utf8ToBytes('nobody dials the dialler'), utf8ToBytes('where I am and next to whom')] as const
const SECRET = new Uint8Array(32).fill(1)

/** One end of a path that a stranger carries. */
class CarriedChannel implements Channel {
  readonly endpoint = ENDPOINT
  readonly kind: ChannelKind
  readonly binding: Uint8Array | undefined
  readonly paths = { openPath: () => this, listenPaths: () => {} }
  congested = false
  far: CarriedChannel | undefined
  events: ChannelEvents | undefined
  private readonly carry: (bytes: Uint8Array) => Uint8Array[]

  constructor(kind: ChannelKind, binding: string | undefined, carry: (bytes: Uint8Array) => Uint8Array[]) {
    this.kind = kind
    this.binding = binding === undefined ? undefined : utf8ToBytes(binding)
    this.carry = carry
  }

  bind(events: ChannelEvents): void {
    this.events = events
  }

  send(bytes: Uint8Array): void {
    const { far } = this
    for (const each of this.carry(bytes.slice())) queueMicrotask(() => far?.events?.message(each))
  }

  close(): void {
    const { far } = this
    this.far = undefined
    if (!far) return
    far.far = undefined
    queueMicrotask(() => far.events?.closed('closed by the far end'))
  }
}

type Meddling = {
  kind?: ChannelKind
  /** What each end believes of the channel. */
  bindings?: [dialler: string, dialled: string]
  psks?: [dialler: Uint8Array, dialled: Uint8Array]
  /** What the stranger makes of the frames of each end; each has its number. */
  fromDialler?: (bytes: Uint8Array, number: number) => Uint8Array[]
  fromDialled?: (bytes: Uint8Array, number: number) => Uint8Array[]
}

async function meet({ kind = 'relay', bindings = ['x', 'x'], psks = [SECRET, SECRET], ...meddling }: Meddling = {}) {
  const carried: Uint8Array[] = []
  const carrying = (carry: Meddling['fromDialler']) => {
    let number = 0
    return (bytes: Uint8Array) => {
      carried.push(bytes)
      return carry ? carry(bytes, number++) : [bytes]
    }
  }
  const near = new CarriedChannel(kind, bindings[0], carrying(meddling.fromDialler))
  const far = new CarriedChannel(kind, bindings[1], carrying(meddling.fromDialled))
  near.far = far
  far.far = near
  let arrive: ((channel: Channel) => void) | undefined
  const raw: Transport = {
    scheme: 'test',
    endpoint: ENDPOINT,
    listen: (incoming) => {
      arrive = incoming
    },
    dial: () => near,
    close: () => {},
    dropped: new Map(),
  }
  const keys = [await generateKeyPair(), await generateKeyPair()] as const
  const facts = (index: 0 | 1) => ({
    keyPair: keys[index],
    psk: psks[index],
    namespaceHash: 'c0ffee',
    clock: timerClock,
    acceptance: () => ACCEPTS[index],
  })
  const [dialler, dialled] = [new SecureTransport(raw, facts(0)), new SecureTransport(raw, facts(1))]
  const ends = { dialler: end(dialler), dialled: end(dialled) }
  dialled.listen((channel) => ends.dialled.take(channel))
  ends.dialler.take(dialler.dial(ENDPOINT))
  arrive?.(far)
  queueMicrotask(() => near.events?.opened())
  return {
    ...ends,
    keys,
    carried,
    counts: () => ({ ...Object.fromEntries(dialler.dropped), ...Object.fromEntries(dialled.dropped) }),
  }
}

function end(_transport: SecureTransport) {
  const told: string[] = []
  const frames: Uint8Array[] = []
  const self = {
    told,
    frames,
    channel: undefined as Channel | undefined,
    take(channel: Channel) {
      self.channel = channel
      told.push('taken')
      channel.bind({
        opened: () => told.push('opened'),
        message: (bytes) => frames.push(bytes),
        writable: () => {},
        closed: (reason) => told.push(`closed: ${reason}`),
      })
    },
  }
  return self
}

type Met = Awaited<ReturnType<typeof meet>>

async function opened(met: Met): Promise<void> {
  await vi.waitFor(() => expect([met.dialler.told, met.dialled.told]).toEqual([['taken', 'opened'], ['taken']]))
}

/** Nothing was said to the dialled end, and the dialler's channel is over. */
async function expectNobodyIn(met: Met, count: string): Promise<void> {
  await vi.waitFor(() => expect(met.dialler.told.at(-1)).toMatch(/^closed/))
  expect(met.dialled.told).toEqual([])
  expect(met.counts()).toHaveProperty([count])
}

describe('two members', () => {
  test('know each other’s address, which each has proved', async () => {
    const met = await meet()
    await opened(met)
    expect(met.dialler.channel?.proved?.address).toBe(addressOf(met.keys[1].publicKey))
    expect(met.dialled.channel?.proved?.address).toBe(addressOf(met.keys[0].publicKey))
  })

  test('know what the dialled one says to whoever dials it when the channel opens, and nobody else does', async () => {
    const met = await meet({ kind: 'direct' })
    await opened(met)
    expect(met.dialler.channel?.proved?.accept).toEqual(ACCEPTS[1])
    expect(met.dialled.channel?.proved?.accept).toEqual(ACCEPTS[1])
    for (const bytes of met.carried)
      expect(Buffer.from(bytes).includes(Buffer.from(ACCEPTS[1].subarray(0, 8)))).toBe(false)
  })

  test.each(['relay', 'tunnel', 'subring'] as const)('who carries a %s sees nothing of what they say', async (kind) => {
    const met = await meet({ kind })
    await opened(met)
    met.dialler.channel?.send(HELLO)
    met.dialled.channel?.send(HELLO)
    await vi.waitFor(() => expect([met.dialler.frames, met.dialled.frames]).toEqual([[HELLO], [HELLO]]))
    for (const bytes of met.carried) expect(Buffer.from(bytes).includes(Buffer.from(HELLO.subarray(0, 8)))).toBe(false)
  })

  test('are not sealed a second time on a direct channel', async () => {
    const met = await meet({ kind: 'direct' })
    await opened(met)
    met.dialler.channel?.send(HELLO)
    await vi.waitFor(() => expect(met.dialled.frames).toEqual([HELLO]))
    expect(met.carried.at(-1)).toEqual(HELLO)
  })

  test('need three messages', async () => {
    const met = await meet()
    await opened(met)
    expect(met.carried).toHaveLength(3)
  })
})

describe('nobody gets in', () => {
  test('who does not know the secret, and is told so', async () => {
    const met = await meet({ psks: [new Uint8Array(32), SECRET] })
    await expectNobodyIn(met, 'refused, wrong-secret')
    expect(met.dialler.told.at(-1)).toBe('closed: wrong-secret')
  })

  test('by a channel with other fingerprints at one end than at the other', async () => {
    await expectNobodyIn(await meet({ kind: 'direct', bindings: ['x', 'y'] }), 'refused, other-channel')
  })

  test.each([0, 1])('when the dialler’s handshake message %i is changed', async (which) => {
    const flip = (bytes: Uint8Array, number: number) => {
      if (number === which) bytes[40] = (bytes[40] as number) ^ 1
      return [bytes]
    }
    await expectNobodyIn(
      await meet({ fromDialler: flip }),
      which === 0 ? 'refused, other-channel' : 'refused, bad-proof',
    )
  })

  test('when the answer is changed', async () => {
    const flip = (bytes: Uint8Array) => {
      bytes[40] = (bytes[40] as number) ^ 1
      return [bytes]
    }
    await expectNobodyIn(await meet({ fromDialled: flip }), 'refused, bad-proof')
  })

  test('by what another has said in a handshake of its own', async () => {
    const before = await meet()
    await opened(before)
    const [first, , third] = before.carried as [Uint8Array, Uint8Array, Uint8Array]
    const met = await meet({ fromDialler: (_, number) => [number === 0 ? first : third] })
    await expectNobodyIn(met, 'refused, bad-proof')
  })

  test.each([
    ['nothing that is a handshake', () => [new Uint8Array(300)], 'not a handshake'],
    ['an old version', (bytes: Uint8Array) => [bytes.fill(0, 1, 2)], 'refused, wrong-version'],
    ['more than it may', (bytes: Uint8Array) => Array(40).fill(bytes), 'too early'],
  ])('who says %s', async (_, fromDialler, count) => {
    await expectNobodyIn(await meet({ fromDialler }), count)
  })
})

describe('who carries a relay’s frames', () => {
  /** The fourth of the dialler’s frames on is what it has to say: after two of the handshake, the second. */
  const meddle = (with_: (bytes: Uint8Array) => Uint8Array[]) => ({
    fromDialler: (bytes: Uint8Array, number: number) => (number === 3 ? with_(bytes) : [bytes]),
  })
  const say = async (met: Met) => {
    await opened(met)
    for (let value = 0; value < 4; value++) met.dialler.channel?.send(Uint8Array.of(value))
  }

  test.each([
    ['changes one', meddle((bytes) => [bytes.map((byte, at) => (at === 7 ? byte ^ 4 : byte))]), 'frame forged'],
    ['cuts one', meddle((bytes) => [bytes.subarray(0, 20)]), 'frame forged'],
    ['leaves one out', meddle(() => []), 'frame missing'],
    ['puts in one of its own', meddle((bytes) => [new Uint8Array(40).fill(9, 4, 5), bytes]), 'frame forged'],
  ])('ends the channel when it %s', async (_, meddling, count) => {
    const met = await meet(meddling)
    await say(met)
    await vi.waitFor(() => expect(met.dialled.told.at(-1)).toBe(`closed: ${count}`))
    expect(met.counts()).toHaveProperty([count])
    expect(met.dialled.frames).toEqual([Uint8Array.of(0)])
  })

  test('is not heard when it says one again', async () => {
    const met = await meet(meddle((bytes) => [bytes, bytes]))
    await say(met)
    await vi.waitFor(() => expect(met.dialled.frames).toHaveLength(4))
    expect(met.counts()).toEqual({ 'frame replayed': 1 })
  })
})

describe('the paths of a channel', () => {
  test('are there for nobody who has not proved itself', async () => {
    const met = await meet()
    expect(met.dialler.channel?.paths).toBeUndefined()
    await opened(met)
    for (const { channel } of [met.dialler, met.dialled]) expect(channel?.paths).toBeDefined()
    met.dialler.channel?.close('done')
    expect(met.dialler.channel?.paths).toBeUndefined()
  })
})
