import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MAX_SIGNAL_BYTES } from '../overlay/signals.ts'
import type { IceCandidate, SessionDescription } from '../ports.ts'
import { JINGLE_REASONS } from './jingle-reason.ts'
import { decodeSignal, encodeSignal, MAX_CANDIDATES_PER_SIGNAL, MAX_NUMBERED, type RingSignal } from './ring-signal.ts'

const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const port = fc.integer({ min: 1, max: 65_535 })
const host = fc.stringMatching(/^[A-Za-z0-9.:-]{1,64}$/)
const optional = <T>(key: string, value: fc.Arbitrary<T>) =>
  fc.option(value, { nil: undefined }).map((v) => ({ [key]: v }))
const withoutAbsent = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as T

const candidate: fc.Arbitrary<IceCandidate> = fc
  .tuple(
    fc.record({
      foundation: fc.stringMatching(/^[A-Za-z0-9+/]{1,32}$/),
      component: fc.integer({ min: 1, max: 256 }),
      priority: u32,
      ip: host,
      port,
      type: fc.constantFrom('host', 'srflx', 'prflx', 'relay'),
    }),
    fc.oneof(
      fc.constant({ protocol: 'udp' }),
      fc.record({ protocol: fc.constant('tcp'), tcpType: fc.constantFrom('active', 'passive', 'so') }),
    ),
    optional('relatedAddress', host),
    optional('relatedPort', fc.integer({ min: 0, max: 65_535 })),
  )
  .map((parts) => withoutAbsent(Object.assign({}, ...parts)) as IceCandidate)

const BYTES = { 'sha-256': 32, 'sha-384': 48, 'sha-512': 64 } as const
const fingerprint = fc.constantFrom<keyof typeof BYTES>('sha-256', 'sha-384', 'sha-512').chain((hash) =>
  fc.uint8Array({ minLength: BYTES[hash], maxLength: BYTES[hash] }).map((bytes) => ({
    hash,
    value: Buffer.from(bytes).toString('hex').toUpperCase().match(/../g)?.join(':') ?? '',
  })),
)
const description: fc.Arbitrary<SessionDescription> = fc.record({
  ufrag: fc.stringMatching(/^[A-Za-z0-9+/]{4,256}$/),
  pwd: fc.stringMatching(/^[A-Za-z0-9+/]{22,256}$/),
  fingerprint,
  setup: fc.constantFrom('actpass', 'active', 'passive'),
  sctpPort: port,
  maxMessageSize: fc.maxSafeNat(),
})
const session = fc.uint8Array({ minLength: 8, maxLength: 8 }).map((bytes) => Buffer.from(bytes).toString('hex'))
const candidates = fc.array(candidate, { maxLength: MAX_CANDIDATES_PER_SIGNAL })
const unreadable = fc.constant(0)
const saying = fc.oneof(
  fc.constant(undefined),
  fc.record({
    action: fc.constantFrom('session-initiate', 'session-accept'),
    description,
    candidates,
    unreadable,
  }),
  fc.record({ action: fc.constant('transport-info'), candidates, unreadable }),
  fc.record({ action: fc.constant('session-terminate'), reason: fc.constantFrom(...JINGLE_REASONS) }),
)
const signal = fc
  .record({
    session,
    number: fc.option(fc.integer({ min: 0, max: MAX_NUMBERED - 1 }), { nil: undefined }),
    received: u32,
    saying,
  })
  .map((each) => ({ ...each, saying: each.saying && { ...each.saying, sid: each.session } }) as RingSignal)

describe('a ring signal', () => {
  test('survives the trip', () => {
    fc.assert(
      fc.property(signal, (sent) => {
        expect(decodeSignal(encodeSignal(sent))).toEqual(sent)
      }),
      { numRuns: 500 },
    )
  })

  test('is never larger than what the ring carries', () => {
    const ip = 'a'.repeat(64)
    const largest: IceCandidate = {
      foundation: 'f'.repeat(32),
      component: 256,
      protocol: 'tcp',
      tcpType: 'so',
      priority: 2 ** 32 - 1,
      ip,
      port: 65_535,
      type: 'relay',
      relatedAddress: ip,
      relatedPort: 65_535,
    }
    const encoded = encodeSignal({
      session: 'f'.repeat(16),
      number: 0,
      received: 0,
      saying: {
        action: 'session-initiate',
        sid: 'f'.repeat(16),
        description: {
          ufrag: 'u'.repeat(256),
          pwd: 'p'.repeat(256),
          fingerprint: { hash: 'sha-512', value: Array.from({ length: 64 }, () => 'FF').join(':') },
          setup: 'passive',
          sctpPort: 65_535,
          maxMessageSize: Number.MAX_SAFE_INTEGER,
        },
        candidates: Array.from({ length: MAX_CANDIDATES_PER_SIGNAL }, () => largest),
        unreadable: 0,
      },
    })
    // A hundred bytes are for who signs it.
    expect(encoded.length).toBeLessThanOrEqual(MAX_SIGNAL_BYTES - 100)
  })

  test('leaves out a candidate that could not be read', () => {
    fc.assert(
      fc.property(candidate, session, (good, id) => {
        const odd = { ...good, ip: 'two words' }
        const written = (candidates: IceCandidate[]): RingSignal => {
          const saying = { action: 'transport-info', sid: id, candidates, unreadable: 0 } as const
          return { session: id, number: 1, received: 0, saying }
        }
        expect(decodeSignal(encodeSignal(written([odd, good])))).toEqual(written([good]))
      }),
    )
  })

  test('cut short, or with bytes after its end, is refused', () => {
    fc.assert(
      fc.property(signal, fc.nat(), (sent, cut) => {
        const whole = encodeSignal(sent)
        expect(decodeSignal(whole.subarray(0, cut % whole.length))).toBeUndefined()
        expect(decodeSignal(Uint8Array.of(...whole, 0))).toBeUndefined()
      }),
    )
  })

  test('of a stranger never makes the reader throw, whatever it holds', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (hostile) => {
        expect(() => decodeSignal(hostile)).not.toThrow()
      }),
      { numRuns: 2_000 },
    )
    fc.assert(
      fc.property(signal, fc.nat(), fc.nat({ max: 255 }), (sent, place, value) => {
        const changed = encodeSignal(sent)
        changed[place % changed.length] = value
        expect(() => decodeSignal(changed)).not.toThrow()
      }),
      { numRuns: 1_000 },
    )
  })

  test('with a line end in what becomes an SDP is refused', () => {
    const sent = fc.sample(
      signal.filter((each) => each.saying?.action === 'session-initiate'),
      { numRuns: 1, seed: 1 },
    )[0] as RingSignal
    const changed = encodeSignal(sent)
    const firstOfUfrag = 14 + 2
    changed[firstOfUfrag] = 10
    expect(decodeSignal(encodeSignal(sent))).toBeDefined()
    expect(decodeSignal(changed)).toBeUndefined()
  })
})
