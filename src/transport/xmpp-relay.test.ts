import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { MAX_FRAME_BYTES } from '../ports.ts'
import { Element, xml } from '../xmpp/stanza.ts'
import type { StanzaExchange } from '../xmpp/stanza-exchange.ts'
import { FrameJoiner, FramePacker } from './frame-stream.ts'
import { MAX_PAYLOAD_BYTES, payloadLimit, RELAY_XMLNS, readPiece, writePiece } from './relay-xml.ts'
import { A, B, framed, record, TestRelays, TO_B } from './test-relays.ts'

const MAX_STANZA_CHARACTERS = 6_000

let relays: TestRelays
let exchange: StanzaExchange

beforeEach(() => {
  vi.useFakeTimers()
  relays = new TestRelays()
  exchange = relays.exchange
})
afterEach(() => {
  vi.useRealTimers()
})

describe('a relay channel', () => {
  it('sends what one turn gives it before the next turn, in one piece', async () => {
    const near = record(relays.relay(A).dial(TO_B))
    near.channel.send(Uint8Array.of(1, 2, 3))
    near.channel.send(Uint8Array.of(4))
    await Promise.resolve()
    expect(relays.pieces).toMatchObject([{ seq: 0, payload: Uint8Array.of(0, 0, 0, 3, 1, 2, 3, 0, 0, 0, 1, 4) }])
  })

  it('sends what is left at once when it is closed, as a page that goes has no other turn', () => {
    const near = record(relays.relay(A).dial(TO_B))
    near.channel.send(Uint8Array.of(1))
    near.channel.close('gone')
    expect(relays.pieces).toMatchObject([{ seq: 0, payload: Uint8Array.of(0, 0, 0, 1, 1), close: true }])
  })

  it('is open at once, because there is nothing to wait for', async () => {
    const near = record(relays.relay(A).dial(TO_B))
    await vi.advanceTimersByTimeAsync(0)
    expect(near.events).toEqual(['opened'])
    expect(exchange.iqs).toEqual([])
  })

  it('lets what is said soon after share a stanza while the far end has yet to answer, and no longer', async () => {
    exchange.latencyMs = 50
    const { near } = await dialled()
    near.channel.send(Uint8Array.of(1))
    await vi.advanceTimersByTimeAsync(0)
    near.channel.send(Uint8Array.of(2))
    await vi.advanceTimersByTimeAsync(10)
    near.channel.send(Uint8Array.of(3))
    await vi.advanceTimersByTimeAsync(14)
    expect(exchange.iqs.length).toBe(1 + 1)
    await vi.advanceTimersByTimeAsync(1)
    expect(exchange.iqs.length).toBe(1 + 2)
    expect(relays.pieces.at(-1)?.payload).toEqual(Uint8Array.of(0, 0, 0, 1, 2, 0, 0, 0, 1, 3))
  })

  it('waits for nothing once the far end has answered', async () => {
    exchange.latencyMs = 5
    const { near } = await dialled()
    near.channel.send(Uint8Array.of(1))
    await vi.advanceTimersByTimeAsync(1)
    near.channel.send(Uint8Array.of(2))
    await vi.advanceTimersByTimeAsync(8)
    expect(exchange.iqs.length).toBe(1 + 1)
    await vi.advanceTimersByTimeAsync(1)
    expect(exchange.iqs.length).toBe(1 + 2)
  })

  it('packs frames that wait together and keeps each payload small', async () => {
    exchange.latencyMs = 50
    const { near, far } = await dialled()
    for (let i = 0; i < 100; i += 1) near.channel.send(new Uint8Array(100))
    await vi.advanceTimersByTimeAsync(1_000)
    expect(far.frames.length).toBe(101)
    // As few as 10 400 bytes need.
    expect(exchange.iqs.length).toBe(1 + 3)
    near.channel.send(new Uint8Array(MAX_FRAME_BYTES))
    await vi.advanceTimersByTimeAsync(5_000)
    expect(far.frames.at(-1)?.byteLength).toBe(MAX_FRAME_BYTES)
    expect(Math.max(...relays.pieces.map(({ payload }) => payload.byteLength))).toBe(MAX_PAYLOAD_BYTES)
    expect(Math.max(...exchange.iqs.map(({ child }) => child.toString().length))).toBeLessThan(MAX_STANZA_CHARACTERS)
  })

  it('cuts its pieces to what the service takes in one stanza, also when that changes', async () => {
    const { near, b, far } = await dialled()
    const session = exchange.find(A)
    if (session === undefined) throw new Error('A has left.')
    for (const maxStanzaBytes of [1_500, 3_000, 1_000]) {
      session.maxStanzaBytes = maxStanzaBytes
      exchange.iqs.length = 0
      const frame = Uint8Array.from({ length: 10_000 }, (_, index) => index % 251)
      near.channel.send(frame)
      near.channel.send(frame, true)
      await vi.advanceTimersByTimeAsync(5_000)
      expect(far.frames.slice(-2)).toEqual([frame, frame])
      const sizes = exchange.iqs.map(({ child, to }) => iqOf(child, to).length)
      expect(Math.max(...sizes)).toBeLessThanOrEqual(maxStanzaBytes)
    }
    expect(b.dropped.size).toBe(0)
  })

  it('has no more than four pieces on their way', async () => {
    exchange.latencyMs = 50
    const { near } = await dialled()
    near.channel.send(new Uint8Array(50_000))
    await vi.advanceTimersByTimeAsync(10)
    expect(exchange.iqs.length).toBe(1 + 4)
    await vi.advanceTimersByTimeAsync(100)
    expect(exchange.iqs.length).toBe(1 + 8)
  })

  it('puts pieces that come in another order back in theirs', async () => {
    const { arrived } = relays.listening()
    for (const seq of [0, 2, 3, 1]) relays.request(A, { seq, payload: framed(seq) })
    await vi.advanceTimersByTimeAsync(1)
    expect(arrived[0]?.frames.map(([first]) => first)).toEqual([0, 1, 2, 3])
  })

  it('delivers a repeated piece once', async () => {
    const { b, arrived } = relays.listening()
    for (const seq of [0, 1, 0, 1, 3, 3, 2]) relays.request(A, { seq, payload: framed(seq) })
    await vi.advanceTimersByTimeAsync(1)
    expect(arrived[0]?.frames.map(([first]) => first)).toEqual([0, 1, 2, 3])
    expect(b.dropped.get('repeated piece')).toBe(3)
  })

  it('closes when a piece is outside the window', async () => {
    const { arrived } = relays.listening()
    relays.request(A, { seq: 0, payload: framed(0) })
    const answer = relays.request(A, { seq: 5, payload: framed(5) })
    await vi.advanceTimersByTimeAsync(1)
    expect(await answer).toMatchObject({ condition: 'unexpected-request' })
    expect(arrived[0]?.events).toEqual(['message', 'closed piece outside the window'])
  })

  it('says nothing of its own: standing by costs nobody anything', async () => {
    const { near, far } = await dialled()
    const before = exchange.iqs.length
    await vi.advanceTimersByTimeAsync(3_600_000)
    expect(exchange.iqs.length).toBe(before)
    expect([near.events.at(-1), far.events.at(-1)]).toEqual(['opened', 'message'])
  })

  it('is not opened again by a late first piece', async () => {
    const { near, far } = await dialled()
    far.channel.close('done')
    near.channel.close('done')
    await vi.advanceTimersByTimeAsync(1)
    const stale = await relays.request(A, { sid: relays.pieces[0]?.sid ?? '', seq: 0, payload: framed(0) })
    expect(stale).toMatchObject({ condition: 'item-not-found' })
  })

  it('says nothing to a far end that never heard of it', async () => {
    const near = record(relays.relay(A).dial(TO_B))
    near.channel.close('changed our mind')
    await vi.advanceTimersByTimeAsync(1)
    expect(exchange.iqs).toEqual([])
  })
})

describe('the XMPP relay', () => {
  it('refuses and counts pieces of channels that it does not know', async () => {
    const { b, arrived } = relays.listening()
    expect(await relays.request(A, { seq: 1, payload: framed(0) })).toMatchObject({ condition: 'item-not-found' })
    expect(b.dropped.get('unknown channel')).toBe(1)
    expect(arrived).toEqual([])
  })

  it("takes a channel's pieces only from the JID that opened it", async () => {
    const { far } = await dialled()
    exchange.connect('x@example.org/1')
    const sid = relays.pieces[0]?.sid ?? ''
    const answer = relays.request('x@example.org/1', { sid, seq: 1, payload: framed(9) })
    await vi.advanceTimersByTimeAsync(1)
    expect(await answer).toMatchObject({ condition: 'item-not-found' })
    expect(far.frames.length).toBe(1)
  })

  it('believes the service and not the payload about whom a channel comes from', async () => {
    const { arrived } = relays.listening()
    exchange.connect('mallory@example.org/1')
    const child = writePiece({ sid: 's', seq: 0, bulk: false, close: false, payload: framed(9) })
    Object.assign(child.attrs, { from: A, to: B, jid: A })
    await exchange.find('mallory@example.org/1')?.request({ type: 'set', to: B, child })
    expect(arrived.map(({ channel }) => channel.endpoint)).toEqual(['xmpp:mallory@example.org/1'])
  })

  it('refuses and counts what is no piece', async () => {
    const { b } = relays.listening()
    const bad = new Element('data', { xmlns: RELAY_XMLNS, sid: 's', seq: '0' }).t('no base64!')
    const answer = exchange.find(A)?.request({ type: 'set', to: B, child: bad })
    await expect(answer).rejects.toMatchObject({ condition: 'bad-request' })
    expect(b.dropped.get('malformed piece')).toBe(1)
  })

  it('bounds the channels that one stranger, and all of them, can open', async () => {
    const { b, arrived } = relays.listening()
    for (let i = 0; i < 20; i += 1) relays.request(A, { sid: `s${i}`, seq: 0, payload: framed(0) })
    await vi.advanceTimersByTimeAsync(1)
    expect(arrived.length).toBe(8)
    expect(b.dropped.get('too many channels')).toBe(12)
    for (let jid = 0; jid < 40; jid += 1) {
      exchange.connect(`x${jid}@example.org/1`)
      for (let i = 0; i < 8; i += 1)
        relays.request(`x${jid}@example.org/1`, { sid: `s${i}`, seq: 0, payload: framed(0) })
    }
    await vi.advanceTimersByTimeAsync(1)
    expect(arrived.length).toBe(256)
  })
})

describe('a piece', () => {
  it('comes back from its XML', () => {
    const piece = fc.record({
      sid: fc.stringMatching(/^[A-Za-z0-9]{1,32}$/),
      seq: fc.nat(),
      payload: fc.uint8Array({ maxLength: MAX_PAYLOAD_BYTES }),
      flag: fc.constantFrom({ bulk: false, close: false }, { bulk: true, close: false }, { bulk: false, close: true }),
    })
    fc.assert(
      fc.property(piece, ({ flag, ...rest }) => {
        const each = { ...rest, ...flag }
        expect(readPiece(writePiece(each))).toEqual(each)
      }),
    )
  })

  it('fits into the largest stanza that its limit was reckoned from, whatever the JID', () => {
    const letters = fc.constantFrom('a', '"', '&', '♥', '𝄞')
    const jids = fc.array(letters, { maxLength: 120 }).map((text) => text.join(''))
    fc.assert(
      fc.property(jids, fc.integer({ min: 2_000, max: 20_000 }), (jid, maxStanzaBytes) => {
        const payload = new Uint8Array(payloadLimit(maxStanzaBytes, jid))
        const longest = { sid: 'f'.repeat(32), seq: 999_999_999_999_999, bulk: true, close: true }
        const bytes = new TextEncoder().encode(iqOf(writePiece({ ...longest, payload }), jid)).length
        expect(bytes).toBeLessThanOrEqual(maxStanzaBytes)
        expect(payload.length).toBeLessThanOrEqual(MAX_PAYLOAD_BYTES)
      }),
    )
    expect(payloadLimit(200_000, A)).toBe(MAX_PAYLOAD_BYTES)
  })

  it('is read from nothing else, and nothing throws', () => {
    const attrs = fc.dictionary(fc.constantFrom('sid', 'seq', 'bulk', 'close', 'xmlns', '__proto__'), fc.string())
    fc.assert(
      fc.property(attrs, fc.string(), (each, text) => {
        readPiece(new Element('data', { ...each, xmlns: RELAY_XMLNS }).t(text))
      }),
    )
    const long = new Element('data', { xmlns: RELAY_XMLNS, sid: 's', seq: '0' }).t('A'.repeat(6_000))
    expect(readPiece(long)).toBeUndefined()
  })
})

describe('a stream of frames', () => {
  it('gives out the frames that went in, however it is cut', () => {
    const frames = fc.array(fc.uint8Array({ maxLength: 9_000 }), { maxLength: 12 })
    fc.assert(
      fc.property(frames, fc.infiniteStream(fc.integer({ min: 1, max: 5_000 })), (sent, cuts) => {
        const packer = new FramePacker()
        for (const frame of sent) packer.push(frame)
        const stream: number[] = []
        while (packer.byteLength > 0) stream.push(...packer.shift(MAX_PAYLOAD_BYTES))
        const joiner = new FrameJoiner(9_000)
        const received: Uint8Array[] = []
        for (let at = 0; at < stream.length; ) {
          const length = cuts.next().value as number
          received.push(...(joiner.push(Uint8Array.from(stream.slice(at, at + length))) ?? []))
          at += length
        }
        expect(received).toEqual(sent)
      }),
      { numRuns: 50 },
    )
  })

  it('ends at a frame that claims to be too large, before it has come', () => {
    expect(new FrameJoiner(10).push(Uint8Array.of(0, 0, 0, 11))).toBeUndefined()
    expect(new FrameJoiner(10).push(Uint8Array.of(0xff, 0xff, 0xff, 0xff))).toBeUndefined()
  })

  it('takes any bytes without throwing', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array()), (chunks) => {
        const joiner = new FrameJoiner(MAX_FRAME_BYTES)
        for (const chunk of chunks) if (joiner.push(chunk) === undefined) return
      }),
    )
  })
})

async function dialled() {
  const { near, b, arrived } = relays.dialled()
  await vi.advanceTimersByTimeAsync(200)
  const [far] = arrived
  if (far === undefined) throw new Error('The channel did not arrive.')
  return { near, far, b }
}

/** As a session sends it. */
function iqOf(child: Element, to: string): string {
  return xml('iq', { xmlns: 'jabber:client', type: 'set', to, id: 'a'.repeat(24) }, child).toString()
}
