import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { endpointOf } from '../overlay/endpoint.ts'
import type { IceCandidate, SessionDescription, SignallingEvents, SignallingSession, StanzaError } from '../ports.ts'
import { StanzaExchange, timerClock } from '../xmpp/stanza-exchange.ts'
import { JingleSignalling } from './jingle-signalling.ts'
import { type JingleStanza, readJingle, writeJingle } from './jingle-xml.ts'

const A = 'a@example.org/1'
const B = 'b@example.org/1'
const TO_B = endpointOf('webrtc', B)

const OFFER: SessionDescription = {
  ufrag: 'abcd',
  pwd: 'asd88fgpdd777uzjYhagZg00',
  fingerprint: { hash: 'sha-256', value: Array.from({ length: 32 }, () => 'AB').join(':') },
  setup: 'actpass',
  sctpPort: 5000,
  maxMessageSize: 262_144,
}
const ANSWER: SessionDescription = { ...OFFER, ufrag: 'wxyz', setup: 'active' }

let exchange: StanzaExchange

beforeEach(() => {
  vi.useFakeTimers()
  exchange = new StanzaExchange()
})
afterEach(() => {
  vi.useRealTimers()
})

describe('Jingle signalling', () => {
  it('carries an offer, its answer and the candidates of both sides', async () => {
    const { a, accepting } = pair()
    const near = record(a.offer(TO_B, OFFER))
    near.session.addCandidate(candidate(1))
    await vi.advanceTimersByTimeAsync(50)
    const far = accepting[0]
    expect(far?.offer).toEqual(OFFER)
    expect(far?.session.endpoint).toBe(endpointOf('webrtc', A))
    expect(far?.candidates).toEqual([candidate(1)])
    far?.session.addCandidate(candidate(2))
    far?.session.accept(ANSWER)
    await vi.advanceTimersByTimeAsync(50)
    expect(near.answer).toEqual(ANSWER)
    expect(near.candidates).toEqual([candidate(2)])
  })

  it('sends candidates that are known in time with the offer and the answer, and nothing else', async () => {
    const { a, accepting } = pair()
    const near = record(a.offer(TO_B, OFFER))
    near.session.addCandidate(candidate(1))
    await vi.advanceTimersByTimeAsync(50)
    accepting[0]?.session.accept(ANSWER)
    accepting[0]?.session.addCandidate(candidate(2))
    await vi.advanceTimersByTimeAsync(1_000)
    expect(actions()).toEqual(['session-initiate', 'session-accept'])
  })

  it('batches later candidates into one stanza', async () => {
    const { a, accepting } = pair()
    const near = record(a.offer(TO_B, OFFER))
    await vi.advanceTimersByTimeAsync(50)
    for (let i = 0; i < 5; i += 1) {
      near.session.addCandidate(candidate(i))
      await vi.advanceTimersByTimeAsync(10)
    }
    await vi.advanceTimersByTimeAsync(1_000)
    expect(actions()).toEqual(['session-initiate', 'transport-info'])
    expect(accepting[0]?.candidates).toEqual([0, 1, 2, 3, 4].map(candidate))
  })

  it('ends with the reason on the other side, once, and hears nothing after', async () => {
    const { near, far } = await active()
    near.session.end('connectivity-error')
    near.session.end('again')
    near.session.addCandidate(candidate(9))
    await vi.advanceTimersByTimeAsync(1_000)
    expect(far.ends).toEqual(['connectivity-error'])
    expect(near.ends).toEqual([])
    expect(actions().slice(2)).toEqual(['session-terminate'])
  })

  it('ends with the condition of a stanza error, such as when nobody is there', async () => {
    const { a } = pair()
    const near = record(a.offer(endpointOf('webrtc', 'c@example.org/1'), OFFER))
    await vi.advanceTimersByTimeAsync(50)
    expect(near.ends).toEqual(['service-unavailable'])
  })

  it('gives up an offer that nobody accepts, and tells the far end', async () => {
    const { a, accepting } = pair()
    const near = record(a.offer(TO_B, OFFER))
    await vi.advanceTimersByTimeAsync(29_999)
    expect(near.ends).toEqual([])
    await vi.advanceTimersByTimeAsync(11)
    expect(near.ends).toEqual(['timeout'])
    expect(accepting[0]?.ends).toEqual(['timeout'])
  })

  it('ends sessions when the service is lost, and offers nothing until it is back', async () => {
    const { a, near } = await active()
    exchange.disconnect(A)
    expect(near.ends).toEqual(['disconnected'])
    expect(a.endpoint).toBeUndefined()
    const late = record(a.offer(TO_B, OFFER))
    await vi.advanceTimersByTimeAsync(1)
    expect(late.ends).toEqual(['disconnected'])
  })

  it('lets the lower session id win when offers cross', async () => {
    exchange.latencyMs = 5
    const { atA, atB, fromA, fromB, a } = crossing()
    await vi.advanceTimersByTimeAsync(100)
    expect(fromB.ends).toEqual(['conflict'])
    expect(fromA.ends).toEqual([])
    expect([atA.length, atB.length]).toEqual([0, 1])
    expect(a.dropped.get('tie-break')).toBe(1)
  })

  it('spares an offer that has not left when a winning one arrives', async () => {
    const { atA, atB, fromA, fromB } = crossing()
    await vi.advanceTimersByTimeAsync(100)
    expect(fromB.ends).toEqual(['conflict'])
    expect(fromA.ends).toEqual([])
    expect([atA.length, atB.length]).toEqual([0, 1])
    expect(actions()).toEqual(['session-initiate'])
  })

  it('refuses and counts stanzas for a session that it never had', async () => {
    const { b, request } = pair()
    const error = await request(A, { action: 'transport-info', sid: 'made-up', candidates: [], unreadable: 0 })
    expect(error).toMatchObject({ condition: 'item-not-found', jingleCondition: 'unknown-session' })
    expect(b.dropped.get('unknown session')).toBe(1)
  })

  it('tells late stanzas of an ended session from made-up ones', async () => {
    const { near, b, request } = await active()
    near.session.end('success')
    await vi.advanceTimersByTimeAsync(1)
    const late = { sid: near.session.id, candidates: [candidate(1)], unreadable: 0 }
    expect(await request(A, { action: 'transport-info', ...late })).toMatchObject({ condition: 'item-not-found' })
    expect(b.dropped.get('stale stanza')).toBe(1)
    const again = { action: 'session-initiate', description: OFFER, ...late } as const
    expect(await request(A, again)).toMatchObject({ condition: 'item-not-found' })
  })

  it("takes a session's stanzas only from the JID that it is with", async () => {
    const { near, far, request } = await active()
    const forged = { action: 'session-terminate', sid: near.session.id, reason: 'gone' } as const
    exchange.connect('a@example.org/2')
    expect(await request('a@example.org/2', forged)).toMatchObject({ condition: 'item-not-found' })
    expect(far.ends).toEqual([])
  })

  it('believes the service and not the payload about who offers', async () => {
    const { accepting } = pair()
    exchange.connect('mallory@example.org/1')
    const child = writeJingle({
      action: 'session-initiate',
      sid: 's',
      description: OFFER,
      candidates: [],
      unreadable: 0,
    })
    Object.assign(child.attrs, { from: A, initiator: A, responder: A })
    void exchange.find('mallory@example.org/1')?.request({ type: 'set', to: B, child })
    await vi.advanceTimersByTimeAsync(1)
    expect(accepting.map(({ session }) => session.endpoint)).toEqual([endpointOf('webrtc', 'mallory@example.org/1')])
  })

  it('refuses what the state of a session does not allow', async () => {
    const { near, b, request } = await active()
    const sid = near.session.id
    const candidates = { candidates: [], unreadable: 0 }
    for (const action of ['session-initiate', 'session-accept'] as const) {
      expect(await request(A, { action, sid, description: ANSWER, ...candidates })).toMatchObject({
        condition: 'unexpected-request',
        jingleCondition: 'out-of-order',
      })
    }
    expect(b.dropped.get('out-of-order')).toBe(2)
  })

  it('answers a ping of a session with a result', async () => {
    const { near, request } = await active()
    const ping = { action: 'session-info', sid: near.session.id, payload: 'ping' } as const
    expect(await request(A, ping)).toBeUndefined()
    expect(await request(A, { ...ping, sid: 'made-up' })).toMatchObject({ condition: 'item-not-found' })
  })

  it('refuses and counts what is no Jingle stanza', async () => {
    const { b, request } = pair()
    const candidates = { candidates: [], unreadable: 0 }
    const bad = { ...OFFER, fingerprint: { hash: 'sha-256', value: 'AB' } }
    expect(await request(A, { action: 'session-initiate', sid: 'x', description: bad, ...candidates })).toMatchObject({
      condition: 'bad-request',
    })
    expect(b.dropped.get('malformed stanza')).toBe(1)
  })

  it('bounds the sessions that one stranger, and all of them, can open', async () => {
    const { b, accepting, request } = pair()
    const initiate = (sid: string): JingleStanza => ({
      action: 'session-initiate',
      sid,
      description: OFFER,
      candidates: [],
      unreadable: 0,
    })
    for (let i = 0; i < 20; i += 1) await request(A, initiate(`s${i}`))
    expect(accepting.length).toBe(8)
    expect(b.dropped.get('too many sessions')).toBe(12)
    for (let jid = 0; jid < 40; jid += 1) {
      exchange.connect(`x${jid}@example.org/1`)
      for (let i = 0; i < 8; i += 1) await request(`x${jid}@example.org/1`, initiate(`s${i}`))
    }
    expect(accepting.length).toBe(128)
  })

  it('bounds the candidates of one session', async () => {
    const { near, far, b, request } = await active()
    for (let i = 0; i < 10; i += 1) {
      const candidates = Array.from({ length: 32 }, (_, port) => candidate(i * 32 + port))
      await request(A, { action: 'transport-info', sid: near.session.id, candidates, unreadable: 0 })
    }
    expect(far.candidates.length).toBe(64)
    expect(b.dropped.get('too many candidates')).toBe(256)
  })

  it('ends its sessions as gone when it is closed, and then answers nobody', async () => {
    const { a, far, request } = await active()
    a.close()
    await vi.advanceTimersByTimeAsync(1)
    expect(far.ends).toEqual(['gone'])
    const toA = { action: 'session-info', sid: 'x', payload: 'ping' } as const
    expect(await request(B, toA, A)).toMatchObject({ condition: 'service-unavailable' })
  })
})

function signalling(jid: string, chance = Math.random()): JingleSignalling {
  return new JingleSignalling(exchange.connect(jid), timerClock, () => chance)
}

/** Two that know each other; b keeps what it is offered. */
function pair() {
  let chance = 0
  const a = new JingleSignalling(exchange.connect(A), timerClock, () => (chance = (chance + 0.01) % 1))
  const b = signalling(B)
  return { a, b, accepting: acceptEach(b), request }
}

async function active() {
  const both = pair()
  const near = record(both.a.offer(TO_B, OFFER))
  await vi.advanceTimersByTimeAsync(50)
  const far = both.accepting[0]
  if (far === undefined) throw new Error('The offer did not arrive.')
  far.session.accept(ANSWER)
  await vi.advanceTimersByTimeAsync(50)
  expect(near.answer).toEqual(ANSWER)
  return { ...both, near, far }
}

/** Two that offer to each other at the same time; a has the lower session id. */
function crossing() {
  const [a, b] = [signalling(A, 0.1), signalling(B, 0.9)]
  const [atA, atB] = [acceptEach(a), acceptEach(b)]
  const fromA = record(a.offer(TO_B, OFFER))
  const fromB = record(b.offer(endpointOf('webrtc', A), OFFER))
  return { a, atA, atB, fromA, fromB }
}

/** What a stanza of `from` is answered with: an error, or undefined for a result. */
async function request(from: string, stanza: JingleStanza, to = B): Promise<StanzaError | undefined> {
  const sent = exchange.find(from)?.request({ type: 'set', to, child: writeJingle(stanza) })
  const answer = sent?.then(
    () => undefined,
    (error: StanzaError) => error,
  )
  await vi.advanceTimersByTimeAsync(0)
  return answer
}

type Recorded = {
  session: SignallingSession
  answer?: SessionDescription
  candidates: IceCandidate[]
  ends: string[]
}

function record(session: SignallingSession): Recorded {
  const recorded: Recorded = { session, candidates: [], ends: [] }
  const events: SignallingEvents = {
    accepted: (answer) => {
      recorded.answer = answer
    },
    candidates: (candidates) => recorded.candidates.push(...candidates),
    ended: (reason) => recorded.ends.push(reason),
  }
  session.bind(events)
  return recorded
}

function acceptEach(signalling: JingleSignalling): (Recorded & { offer: SessionDescription })[] {
  const all: (Recorded & { offer: SessionDescription })[] = []
  signalling.listen((session, offer) => all.push(Object.assign(record(session), { offer })))
  return all
}

function actions(): (string | undefined)[] {
  return exchange.iqs.map(({ child }) => readJingle(child)?.action)
}

function candidate(i: number): IceCandidate {
  return {
    foundation: '1',
    component: 1,
    protocol: 'udp',
    priority: 100,
    ip: '192.0.2.1',
    port: 1_000 + i,
    type: 'host',
  }
}
