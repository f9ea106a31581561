import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { IceCandidate, SessionDescription } from '../ports.ts'
import { buildCandidate, buildSdp, parseCandidate, parseSdp } from './session-description.ts'

const FINGERPRINT = Array.from({ length: 32 }, (_, i) => (i * 7).toString(16).padStart(2, '0').toUpperCase()).join(':')

/** As Chromium writes it. */
const CHROMIUM_SDP = [
  'v=0',
  'o=- 4611731400430051336 2 IN IP4 127.0.0.1',
  's=-',
  't=0 0',
  'a=group:BUNDLE 0',
  'a=extmap-allow-mixed',
  'a=msid-semantic: WMS',
  'm=application 9 UDP/DTLS/SCTP webrtc-datachannel',
  'c=IN IP4 0.0.0.0',
  'a=ice-ufrag:y/8+',
  'a=ice-pwd:Vd0vJPyfjbV8Wwz2G7pVg0mN',
  'a=ice-options:trickle',
  `a=fingerprint:sha-256 ${FINGERPRINT}`,
  'a=setup:actpass',
  'a=mid:0',
  'a=sctp-port:5000',
  'a=max-message-size:262144',
  '',
].join('\r\n')

const description: fc.Arbitrary<SessionDescription> = fc.record({
  ufrag: fc.stringMatching(/^[A-Za-z0-9+/]{4,32}$/),
  pwd: fc.stringMatching(/^[A-Za-z0-9+/]{22,64}$/),
  fingerprint: fc.record({
    hash: fc.constant('sha-256'),
    value: fc.uint8Array({ minLength: 32, maxLength: 32 }).map(hexOf),
  }),
  setup: fc.constantFrom('actpass', 'active', 'passive'),
  sctpPort: fc.integer({ min: 1, max: 65_535 }),
  maxMessageSize: fc.maxSafeNat(),
})

const port = fc.integer({ min: 1, max: 65_535 })
const ip = fc.oneof(
  fc.ipV4(),
  fc.ipV6().filter((text) => !text.includes('.')),
  fc.uuid().map((id) => `${id}.local`),
)
const base = {
  foundation: fc.stringMatching(/^[A-Za-z0-9+/]{1,32}$/),
  component: fc.integer({ min: 1, max: 256 }),
  priority: fc.integer({ min: 0, max: 0xffff_ffff }),
  ip,
  port,
}
const related = { relatedAddress: ip, relatedPort: fc.integer({ min: 0, max: 65_535 }) }
const reflected = fc.constantFrom('srflx', 'prflx', 'relay')
const udp = fc.constant('udp')
const tcp = { protocol: fc.constant('tcp'), tcpType: fc.constantFrom('active', 'passive', 'so') }
const iceCandidate = fc.oneof(
  fc.record({ ...base, protocol: udp, type: fc.constant('host') }),
  fc.record({ ...base, protocol: udp, type: reflected, ...related }),
  fc.record({ ...base, ...tcp, type: fc.constant('host') }),
  fc.record({ ...base, ...tcp, type: reflected, ...related }),
) as fc.Arbitrary<IceCandidate>

describe('a session description', () => {
  it("holds the facts of Chromium's SDP", () => {
    expect(parseSdp(CHROMIUM_SDP)).toEqual({
      ufrag: 'y/8+',
      pwd: 'Vd0vJPyfjbV8Wwz2G7pVg0mN',
      fingerprint: { hash: 'sha-256', value: FINGERPRINT },
      setup: 'actpass',
      sctpPort: 5000,
      maxMessageSize: 262_144,
    })
  })

  it('comes back from the SDP that it makes', () => {
    fc.assert(
      fc.property(description, (facts) => {
        expect(parseSdp(buildSdp(facts) ?? '')).toEqual(facts)
      }),
    )
  })

  it('makes no SDP of facts that could add a line to it', () => {
    const hostile = fc.constantFrom('\r\na=candidate:1', '\n', '\r', ' x', '\u0000', '\u2028')
    const field = fc.constantFrom('ufrag', 'pwd', 'setup', 'hash', 'value')
    fc.assert(
      fc.property(description, hostile, field, fc.nat(), (facts, poison, name, at) => {
        const insert = (text: string) =>
          text.slice(0, at % (text.length + 1)) + poison + text.slice(at % (text.length + 1))
        const { fingerprint } = facts
        const poisoned =
          name === 'hash' || name === 'value'
            ? { ...facts, fingerprint: { ...fingerprint, [name]: insert(fingerprint[name]) } }
            : { ...facts, [name]: insert(facts[name as 'ufrag']) }
        expect(buildSdp(poisoned)).toBeUndefined()
      }),
    )
  })

  it.each([
    ['two media sections', CHROMIUM_SDP + CHROMIUM_SDP.slice(CHROMIUM_SDP.indexOf('m='))],
    ['audio', CHROMIUM_SDP.replace('m=application', 'm=audio')],
    ['no fingerprint', CHROMIUM_SDP.replace(/a=fingerprint.*\r\n/, '')],
    ['no password', CHROMIUM_SDP.replace(/a=ice-pwd.*\r\n/, '')],
    ['no port', CHROMIUM_SDP.replace(/a=sctp-port.*\r\n/, '')],
    ['too much', CHROMIUM_SDP + 'a=x\r\n'.repeat(10_000)],
  ])('is not read from an SDP with %s', (_, sdp) => {
    expect(parseSdp(sdp)).toBeUndefined()
  })

  it('is read from no text without throwing', () => {
    const line = fc.oneof(fc.string(), fc.constantFrom(...CHROMIUM_SDP.split('\r\n')))
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        parseSdp(lines.join('\r\n'))
      }),
    )
  })
})

describe('a candidate', () => {
  it("holds the facts of Chromium's line", () => {
    const line =
      'candidate:842163049 1 udp 1677729535 203.0.113.5 46154 typ srflx raddr 0.0.0.0 rport 0 generation 0 ufrag y/8+ network-cost 999'
    expect(parseCandidate(line)).toEqual({
      foundation: '842163049',
      component: 1,
      protocol: 'udp',
      priority: 1_677_729_535,
      ip: '203.0.113.5',
      port: 46_154,
      type: 'srflx',
      relatedAddress: '0.0.0.0',
      relatedPort: 0,
    })
  })

  it('comes back from the line that it makes', () => {
    fc.assert(
      fc.property(iceCandidate, (facts) => {
        expect(parseCandidate(buildCandidate(facts) ?? '')).toEqual(facts)
      }),
    )
  })

  it('makes no line of facts that could add to it', () => {
    const field = fc.constantFrom('foundation', 'ip', 'protocol', 'type')
    fc.assert(
      fc.property(iceCandidate, fc.constantFrom(' ', '\r\n', '\n', '\t'), field, (facts, poison, name) => {
        expect(buildCandidate({ ...facts, [name]: `${facts[name]}${poison}x` })).toBeUndefined()
      }),
    )
  })

  it('is read from no text without throwing', () => {
    const word = fc.oneof(fc.string(), fc.constantFrom('1', 'udp', 'typ', 'host', 'raddr', 'tcptype', '192.0.2.1'))
    fc.assert(
      fc.property(fc.array(word), (words) => {
        parseCandidate(`candidate:${words.join(' ')}`)
      }),
    )
    expect(parseCandidate('')).toBeUndefined()
  })
})

function hexOf(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0').toUpperCase()).join(':')
}
