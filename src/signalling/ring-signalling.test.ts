import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Address, nodeAddress } from '../overlay/address.ts'
import { endpointOf } from '../overlay/endpoint.ts'
import type { IceCandidate, SessionDescription, SignallingSession } from '../ports.ts'
import { StanzaExchange, timerClock } from '../xmpp/stanza-exchange.ts'
import { EitherSignalling } from './either-signalling.ts'
import { JingleSignalling } from './jingle-signalling.ts'
import { decodeSignal, encodeSignal, type Saying } from './ring-signal.ts'
import { RingSignalling } from './ring-signalling.ts'

const at = (place: number): Address => nodeAddress(new Uint8Array(20).fill(place))
const [LESSER, GREATER] = [at(10), at(40)]
const SID = '0123456789abcdef'

const OFFER: SessionDescription = {
  ufrag: 'abcd',
  pwd: 'asd88fgpdd777uzjYhagZg00',
  fingerprint: { hash: 'sha-256', value: Array.from({ length: 32 }, () => 'AB').join(':') },
  setup: 'actpass',
  sctpPort: 5000,
  maxMessageSize: 262_144,
}
const ANSWER: SessionDescription = { ...OFFER, ufrag: 'wxyz', setup: 'active' }

type Sent = { from: Address; to: Address; attempt: number; data: Uint8Array }

/** The ring between those who signal: carries what it is not told to lose. */
class Carriers {
  readonly sent: Sent[] = []
  loses: (sent: Sent, index: number) => boolean = () => false
  latencyMs = 5
  private readonly nodes = new Map<Address, RingSignalling>()

  node(address: Address, random: () => number = Math.random): RingSignalling {
    const node = new RingSignalling(address, timerClock, random)
    this.nodes.set(address, node)
    node.carryBy((to, data, attempt) => {
      const sent = { from: address, to, attempt, data }
      const isLost = this.loses(sent, this.sent.length)
      this.sent.push(sent)
      if (!isLost) setTimeout(() => this.nodes.get(to)?.receive(address, data), this.latencyMs)
    })
    return node
  }

  get actions(): string[] {
    return this.sent.map(({ data }) => decodeSignal(data)?.saying?.action ?? 'nothing')
  }
}

let carriers: Carriers

beforeEach(() => {
  vi.useFakeTimers()
  carriers = new Carriers()
})
afterEach(() => {
  vi.useRealTimers()
})

describe('ring signalling', () => {
  it('carries an offer, its answer and the candidates of both sides, and is quiet then', async () => {
    const { near, far } = await active()
    near.session.addCandidate(candidate(3))
    await vi.advanceTimersByTimeAsync(20_000)
    expect(far.candidates).toEqual([candidate(1), candidate(3)])
    expect(near.candidates).toEqual([candidate(2)])
    const said = ['session-initiate', 'session-accept', 'transport-info']
    expect(carriers.actions.filter((action) => action !== 'nothing')).toEqual(said)
    expect(carriers.actions).toHaveLength(said.length + 2)
  })

  it('says all the same when the ring loses any two of its signals', async () => {
    for (const first of [0, 1, 2, 3, 4, 5]) {
      for (const second of [0, 1, 2, 3, 4, 5]) {
        carriers = new Carriers()
        carriers.loses = (_, index) => index === first || index === second
        const { near, far } = await active(8_000)
        expect([near.ends, far.ends]).toEqual([[], []])
      }
    }
  })

  it('tries another way each time', async () => {
    carriers.loses = () => true
    const near = record(carriers.node(LESSER).offer(endpointOf('webrtc', GREATER), OFFER))
    await vi.advanceTimersByTimeAsync(10_600)
    expect(near.ends).toEqual(['timeout'])
    expect(carriers.sent.map(({ attempt }) => attempt)).toEqual([0, 1, 2, 3])
  })

  it('splits more candidates than one signal holds', async () => {
    const { near, far } = await active()
    for (let port = 10; port < 50; port++) near.session.addCandidate(candidate(port))
    await vi.advanceTimersByTimeAsync(2_000)
    expect(far.candidates).toHaveLength(41)
  })

  it('ends with the reason on the other side, once, and hears nothing after', async () => {
    const { near, far } = await active()
    near.session.end('connectivity-error')
    near.session.end('again')
    near.session.addCandidate(candidate(9))
    await vi.advanceTimersByTimeAsync(1_000)
    expect(far.ends).toEqual(['connectivity-error'])
    expect(near.ends).toEqual([])
  })

  it('tells whoever goes on with a session that has ended, though the end itself was lost', async () => {
    const { near, far } = await active()
    carriers.loses = ({ data }) => decodeSignal(data)?.saying?.action === 'session-terminate'
    near.session.end('connectivity-error')
    await vi.advanceTimersByTimeAsync(100)
    carriers.loses = () => false
    far.session.addCandidate(candidate(9))
    await vi.advanceTimersByTimeAsync(200)
    expect(far.ends).toEqual(['gone'])
  })

  it('forgets both ends of a session some time after, without a word', async () => {
    const { near, far, a, b } = await active()
    const before = carriers.sent.length
    await vi.advanceTimersByTimeAsync(31_000)
    expect([near.ends, far.ends]).toEqual([['expired'], ['expired']])
    expect(carriers.sent.slice(before).map(({ data }) => decodeSignal(data)?.saying)).toEqual([undefined])
    expect([...a.dropped, ...b.dropped]).toEqual([])
  })

  it('lets the offer of the greater address stand when two cross', async () => {
    const [a, b] = [carriers.node(LESSER), carriers.node(GREATER)]
    const [atLesser, atGreater] = [acceptEach(a), acceptEach(b)]
    const fromGreater = record(b.offer(endpointOf('webrtc', LESSER), OFFER))
    const fromLesser = record(a.offer(endpointOf('webrtc', GREATER), OFFER))
    await vi.advanceTimersByTimeAsync(100)
    expect(fromLesser.ends).toHaveLength(1)
    expect(fromGreater.ends).toEqual([])
    expect([atLesser.length, atGreater.length]).toEqual([1, 0])
    expect(b.dropped.get('tie-break')).toBe(1)
  })

  it('drops and counts what fits no session, and says nothing to it', () => {
    const b = carriers.node(GREATER)
    const before = carriers.sent.length
    b.receive(LESSER, Uint8Array.of(9, 9))
    b.receive(LESSER, signalOf({ action: 'transport-info', sid: SID, candidates: [], unreadable: 0 }))
    b.receive(LESSER, signalOf(undefined))
    expect([...b.dropped]).toEqual([
      ['malformed signal', 1],
      ['unknown session', 2],
    ])
    expect(carriers.sent.length).toBe(before)
  })

  it('drops what the state of a session does not allow', async () => {
    const { near, far, a, b } = await active()
    const saying = (action: 'session-initiate' | 'session-accept'): Saying => ({
      action,
      sid: near.session.id,
      description: ANSWER,
      candidates: [],
      unreadable: 0,
    })
    b.receive(LESSER, signalOf(saying('session-initiate'), near.session.id, 9))
    a.receive(GREATER, signalOf(saying('session-accept'), near.session.id, 9))
    expect([a.dropped.get('out-of-order'), b.dropped.get('out-of-order')]).toEqual([1, 1])
    expect([near.ends, far.ends]).toEqual([[], []])
  })

  it("takes a session's signals only from the node that it is with", async () => {
    const { near, far, b } = await active()
    const { id } = near.session
    b.receive(at(50), signalOf({ action: 'session-terminate', sid: id, reason: 'gone' }, id))
    expect(far.ends).toEqual([])
    expect(b.dropped.get('unknown session')).toBe(1)
  })

  it('bounds the sessions that one stranger, and all of them, can open', () => {
    const node = carriers.node(GREATER)
    const accepting = acceptEach(node)
    const flood = (from: Address, count: number) => {
      for (let index = 0; index < count; index++) {
        const sid = index.toString(16).padStart(16, '0')
        node.receive(
          from,
          signalOf({ action: 'session-initiate', sid, description: OFFER, candidates: [], unreadable: 0 }, sid),
        )
      }
    }
    flood(at(1), 20)
    expect(accepting).toHaveLength(8)
    expect(node.dropped.get('too many sessions')).toBe(12)
    for (let place = 2; place < 42; place++) flood(at(place), 8)
    expect(accepting).toHaveLength(128)
  })

  it('offers nothing to what is no address', async () => {
    const near = record(carriers.node(LESSER).offer(endpointOf('webrtc', 'b@example.org/1'), OFFER))
    await vi.advanceTimersByTimeAsync(1)
    expect(near.ends).toEqual(['item-not-found'])
  })

  it('ends its sessions as gone when it is closed, and sends nothing more', async () => {
    const { a, far } = await active()
    a.close()
    await vi.advanceTimersByTimeAsync(1_000)
    expect(far.ends).toEqual(['gone'])
    const before = carriers.sent.length
    record(a.offer(endpointOf('webrtc', GREATER), OFFER))
    await vi.advanceTimersByTimeAsync(100)
    expect(carriers.sent.length).toBe(before)
  })
})

it('an endpoint says whether the ring or the service carries an offer, and either may bring one', async () => {
  const exchange = new StanzaExchange()
  const either = (address: Address, jid: string) =>
    new EitherSignalling(carriers.node(address), new JingleSignalling(exchange.connect(jid), timerClock, Math.random))
  const [a, b] = [either(LESSER, 'a@example.org/1'), either(GREATER, 'b@example.org/1')]
  expect(a.endpoint).toBe(endpointOf('webrtc', 'a@example.org/1'))
  const accepting = acceptEach(b)
  for (const target of [GREATER, 'b@example.org/1']) record(a.offer(endpointOf('webrtc', target), OFFER))
  await vi.advanceTimersByTimeAsync(50)
  const from = accepting.map(({ session }) => session.endpoint).sort()
  expect(from).toEqual([endpointOf('webrtc', LESSER), endpointOf('webrtc', 'a@example.org/1')].sort())
  expect(exchange.iqs).toHaveLength(1)
})

function signalOf(saying: Saying | undefined, session = SID, number = 0): Uint8Array {
  return encodeSignal({ session, number, received: 0, saying })
}

/** An offer of the lesser end that the greater has answered, each with one candidate. */
async function active(withinMs = 50) {
  const [a, b] = [carriers.node(LESSER), carriers.node(GREATER)]
  const accepting = acceptEach(b)
  const near = record(a.offer(endpointOf('webrtc', GREATER), OFFER))
  near.session.addCandidate(candidate(1))
  await vi.advanceTimersByTimeAsync(withinMs)
  const far = accepting[0]
  if (far === undefined) throw new Error('The offer did not arrive.')
  expect(far.offer).toEqual(OFFER)
  expect(far.session.endpoint).toBe(endpointOf('webrtc', LESSER))
  far.session.accept(ANSWER)
  far.session.addCandidate(candidate(2))
  await vi.advanceTimersByTimeAsync(withinMs)
  expect(near.answer).toEqual(ANSWER)
  expect([near.candidates, far.candidates]).toEqual([[candidate(2)], [candidate(1)]])
  return { a, b, near, far }
}

type Recorded = {
  session: SignallingSession
  answer?: SessionDescription
  candidates: IceCandidate[]
  ends: string[]
}

function record(session: SignallingSession): Recorded {
  const recorded: Recorded = { session, candidates: [], ends: [] }
  session.bind({
    accepted: (answer) => {
      recorded.answer = answer
    },
    candidates: (candidates) => recorded.candidates.push(...candidates),
    ended: (reason) => recorded.ends.push(reason),
  })
  return recorded
}

function acceptEach(signalling: { listen: RingSignalling['listen'] }) {
  const all: (Recorded & { offer: SessionDescription })[] = []
  signalling.listen((session, offer) => all.push(Object.assign(record(session), { offer })))
  return all
}

function candidate(port: number): IceCandidate {
  return { foundation: '1', component: 1, protocol: 'udp', priority: 100, ip: '192.0.2.1', port, type: 'host' }
}
