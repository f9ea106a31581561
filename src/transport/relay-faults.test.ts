import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { StanzaError } from '../ports.ts'
import { relayRefusal } from './relay-refusal.ts'
import { readPiece } from './relay-xml.ts'
import { A, B, framed, type RecordedChannel, TestRelays, TO_B } from './test-relays.ts'

let relays: TestRelays

beforeEach(() => {
  vi.useFakeTimers()
  relays = new TestRelays()
})
afterEach(() => {
  vi.useRealTimers()
})

describe('an error of the service or the far end', () => {
  /** Every condition of RFC 6120 §8.3.3, and the two that a session gives itself. */
  it.each([
    ['bad-request', 'over'],
    ['conflict', 'over'],
    ['feature-not-implemented', 'over'],
    ['forbidden', 'over'],
    ['gone', 'over'],
    ['internal-server-error', 'over'],
    ['item-not-found', 'over'],
    ['jid-malformed', 'over'],
    ['not-acceptable', 'over'],
    ['not-allowed', 'over'],
    ['not-authorized', 'over'],
    ['policy-violation', 'again'],
    ['recipient-unavailable', 'over'],
    ['redirect', 'over'],
    ['registration-required', 'over'],
    ['remote-server-not-found', 'over'],
    ['remote-server-timeout', 'again'],
    ['resource-constraint', 'again'],
    ['service-unavailable', 'over'],
    ['subscription-required', 'over'],
    ['undefined-condition', 'over'],
    ['unexpected-request', 'over'],
    ['disconnected', 'over'],
    ['timeout', 'again'],
  ] as const)('%s: %s', async (condition, refusal) => {
    expect(relayRefusal(condition)).toBe(refusal)
    const { near, far } = await dialled()
    let refusals = 0
    relays.exchange.intercept = () => (refusals++ === 0 ? new StanzaError(condition) : undefined)
    near.channel.send(Uint8Array.of(7))
    await vi.advanceTimersByTimeAsync(1_000)
    if (refusal === 'over') expect(near.events.at(-1)).toBe(`closed ${condition}`)
    else expect(far.frames.at(-1)).toEqual(Uint8Array.of(7))
  })

  it.each(['resource-constraint', 'policy-violation', 'remote-server-timeout'])(
    '%s that does not pass ends the channel after three more tries',
    async (condition) => {
      const { near } = await dialled()
      relays.exchange.iqs.length = 0
      relays.exchange.intercept = () => new StanzaError(condition)
      near.channel.send(Uint8Array.of(1))
      await vi.advanceTimersByTimeAsync(60_000)
      expect(near.events.at(-1)).toBe(`closed ${condition}`)
      expect(relays.exchange.iqs.length).toBe(4)
    },
  )
})

describe('a piece that is lost', () => {
  it('is sent again as soon as a later one is answered, and frames stay in order', async () => {
    const { near, far, a } = await dialled()
    lose((count) => count === 1)
    for (let frame = 1; frame <= 3; frame++) {
      near.channel.send(Uint8Array.of(frame))
      await vi.advanceTimersByTimeAsync(1)
    }
    expect(far.frames.length).toBe(1)
    await vi.advanceTimersByTimeAsync(300)
    expect(far.frames.map(([byte]) => byte)).toEqual([0, 1, 2, 3])
    expect(a.dropped.get('piece lost')).toBe(1)
  })

  it('is sent again when no answer comes, though nothing follows it', async () => {
    const { near, far } = await dialled()
    lose((count) => count === 1)
    near.channel.send(Uint8Array.of(1))
    await vi.advanceTimersByTimeAsync(6_100)
    expect(far.frames.map(([byte]) => byte)).toEqual([0, 1])
    expect(near.events).toEqual(['opened'])
  })

  it('is taken once where only its answer was lost', async () => {
    const { near, far, b } = await dialled()
    const { exchange } = relays
    const original = exchange.find(B)
    if (original === undefined) throw new Error('B is signed in.')
    const answer = original.answer.bind(original)
    let answers = 0
    original.answer = (iq) => {
      const given = answer(iq)
      return answers++ === 0 ? new StanzaError('remote-server-timeout') : given
    }
    near.channel.send(Uint8Array.of(1))
    await vi.advanceTimersByTimeAsync(1_100)
    expect(far.frames.map(([byte]) => byte)).toEqual([0, 1])
    expect(b.dropped.get('repeated piece')).toBe(1)
    expect(near.events).toEqual(['opened'])
  })

  it('ends the channel when it is lost again and again', async () => {
    const { near } = await dialled()
    relays.exchange.intercept = () => 'lost'
    near.channel.send(Uint8Array.of(1))
    await vi.advanceTimersByTimeAsync(29_999)
    expect(near.events.at(-1)).toBe('opened')
    await vi.advanceTimersByTimeAsync(1)
    expect(near.events.at(-1)).toBe('closed timeout')
  })

  it('closes the channel at the far end, if it does not come after all', async () => {
    const { b, arrived } = relays.listening()
    for (const seq of [0, 2]) void relays.request(A, { seq, payload: framed(seq) })
    await vi.advanceTimersByTimeAsync(30_999)
    expect(arrived[0]?.events).toEqual(['message'])
    await vi.advanceTimersByTimeAsync(1)
    expect(arrived[0]?.events).toEqual(['message', 'closed gap'])
    expect(b.dropped.get('gap')).toBe(1)
  })
})

describe('a service that drops what exceeds its rate, without a word', () => {
  it.each([2, 5, 20])('of %i stanzas a second: all frames arrive, once and in order', async (perSecond) => {
    const { near, far } = await dialled()
    const seen: number[] = []
    relays.exchange.latencyMs = 20
    relays.exchange.intercept = () => {
      const now = performance.now()
      while (seen.length > 0 && (seen[0] as number) <= now - 1_000) seen.shift()
      if (seen.length >= perSecond) return 'lost'
      seen.push(now)
      return undefined
    }
    const frames = 60
    for (let frame = 1; frame <= frames; frame++) {
      near.channel.send(
        Uint8Array.from({ length: 1_000 }, () => frame),
        frame % 2 === 0,
      )
    }
    await vi.advanceTimersByTimeAsync(120_000)
    const received = far.frames.slice(1).map(([byte]) => byte as number)
    expect(near.events).toEqual(['opened'])
    expect(received.filter((byte) => byte % 2 === 0)).toEqual(Array.from({ length: 30 }, (_, i) => 2 * i + 2))
    expect(received.filter((byte) => byte % 2 === 1)).toEqual(Array.from({ length: 30 }, (_, i) => 2 * i + 1))
  })
})

describe('a session', () => {
  it('that is lost ends its channels at both ends, at once where it was lost and with the next frame at the other', async () => {
    const { near, far } = await dialled()
    relays.exchange.disconnect(A)
    expect(near.events.at(-1)).toBe('closed disconnected')
    far.channel.send(Uint8Array.of(1))
    await vi.advanceTimersByTimeAsync(1)
    expect(far.events.at(-1)).toBe('closed service-unavailable')
  })

  it('that another one has replaced under the same JID does not know the channels of the first', async () => {
    const { near, a } = await dialled()
    const replaced = relays.exchange.find(B)
    const successor = relays.relay(B)
    replaced?.goOffline()
    near.channel.send(Uint8Array.of(1))
    await vi.advanceTimersByTimeAsync(1)
    expect(near.events.at(-1)).toBe('closed item-not-found')
    expect(successor.dropped.get('unknown channel')).toBe(1)
    successor.listen(() => {})
    const again: string[] = []
    a.dial(TO_B).bind({
      opened: () => again.push('opened'),
      message: () => {},
      writable: () => {},
      closed: () => again.push('closed'),
    })
    await vi.advanceTimersByTimeAsync(1)
    expect(again).toEqual(['opened'])
  })
})

/** The n-th piece from now on, and no other stanza, if so told. */
function lose(isLost: (count: number) => boolean): void {
  let count = 0
  relays.exchange.intercept = ({ child }) => (readPiece(child) && isLost(++count) ? 'lost' : undefined)
}

async function dialled() {
  const { near, a, b, arrived } = relays.dialled()
  await vi.advanceTimersByTimeAsync(1)
  return { near, a, b, far: arrived[0] as RecordedChannel }
}
