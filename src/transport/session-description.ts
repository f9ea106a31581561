/**
 * Session description: which facts does an SDP hold, and which SDP do facts make? A data-only SDP differs from another
 * in the facts of `SessionDescription` alone; the rest is the template that Chromium writes (RFC 8829 §5.2, RFC 8841).
 *
 * Facts may come from a stranger. What could add a line to the SDP, or means nothing there, gives undefined.
 */
import sdp from 'sdp/sdp.js'
import type { IceCandidate, SessionDescription } from '../ports.ts'

const MAX_SDP_LENGTH = 16_384 // A guess: Chromium writes about 600 characters and 150 for each candidate.
const MAX_CANDIDATE_LENGTH = 1_024 // A guess: ten times an ordinary one.

const TOKEN = /^[A-Za-z0-9+/]{1,256}$/ // The ice-char of RFC 8839 §5.4.
const FINGERPRINT = /^[0-9A-F]{2}(:[0-9A-F]{2}){15,63}$/
const IP = /^[A-Za-z0-9.:-]{1,253}$/

/** Undefined where the text is not the SDP of one data channel. */
export function parseSdp(text: string): SessionDescription | undefined {
  if (text.length > MAX_SDP_LENGTH) return undefined
  try {
    const [head = '', media, ...more] = sdp.splitSections(text)
    if (media === undefined || more.length > 0 || !media.startsWith('m=application ')) return undefined
    const ice = sdp.getIceParameters(media, head)
    const [fingerprint] = sdp.getDtlsParameters(media, head).fingerprints
    const [setup = ''] = sdp.matchPrefix(media + head, 'a=setup:')
    const channel = sdp.parseSctpDescription(media)
    const description = {
      ufrag: ice.usernameFragment,
      pwd: ice.password,
      fingerprint: { hash: fingerprint?.algorithm ?? '', value: fingerprint?.value ?? '' },
      setup: setup.slice('a=setup:'.length),
      sctpPort: channel.port,
      maxMessageSize: channel.maxMessageSize ?? 0,
    }
    return isSafe(description) ? description : undefined
  } catch {
    return undefined // The parser trusts its input and trips over what is missing.
  }
}

export function buildSdp(description: SessionDescription): string | undefined {
  if (!isSafe(description)) return undefined
  const { ufrag, pwd, fingerprint, setup, sctpPort, maxMessageSize } = description
  const lines = [
    'v=0',
    'o=- 1 2 IN IP4 127.0.0.1',
    's=-',
    't=0 0',
    'a=group:BUNDLE 0',
    'm=application 9 UDP/DTLS/SCTP webrtc-datachannel',
    'c=IN IP4 0.0.0.0',
    `a=ice-ufrag:${ufrag}`,
    `a=ice-pwd:${pwd}`,
    'a=ice-options:trickle',
    `a=fingerprint:${fingerprint.hash} ${fingerprint.value}`,
    `a=setup:${setup}`,
    'a=mid:0',
    `a=sctp-port:${sctpPort}`,
    `a=max-message-size:${maxMessageSize}`,
  ]
  return `${lines.join('\r\n')}\r\n`
}

/** Reads what `RTCIceCandidate.candidate` holds; undefined for the empty one that ends the candidates. */
export function parseCandidate(line: string): IceCandidate | undefined {
  if (!line.startsWith('candidate:') || line.length > MAX_CANDIDATE_LENGTH) return undefined
  try {
    const parsed = sdp.parseCandidate(line)
    const { foundation, protocol, priority, ip, port, type, relatedAddress, relatedPort, tcpType } = parsed
    const candidate = {
      foundation,
      component: parsed.component === 'rtp' ? 1 : parsed.component === 'rtcp' ? 2 : Number(parsed.component),
      protocol,
      priority,
      ip,
      port,
      type,
      ...(relatedAddress === undefined ? {} : { relatedAddress }),
      ...(relatedPort === undefined ? {} : { relatedPort }),
      ...(tcpType === undefined ? {} : { tcpType: tcpType as 'active' | 'passive' | 'so' }),
    }
    return isSafeCandidate(candidate) ? candidate : undefined
  } catch {
    return undefined
  }
}

export function buildCandidate(candidate: IceCandidate): string | undefined {
  return isSafeCandidate(candidate) ? sdp.writeCandidate({ ...candidate, address: candidate.ip }) : undefined
}

function isSafe(facts: Omit<SessionDescription, 'setup'> & { setup: string }): facts is SessionDescription {
  return (
    TOKEN.test(facts.ufrag) &&
    TOKEN.test(facts.pwd) &&
    /^sha-(256|384|512)$/.test(facts.fingerprint.hash) &&
    FINGERPRINT.test(facts.fingerprint.value) &&
    /^(actpass|active|passive)$/.test(facts.setup) &&
    isWithin(facts.sctpPort, 1, 65_535) &&
    isWithin(facts.maxMessageSize, 0, Number.MAX_SAFE_INTEGER)
  )
}

function isSafeCandidate(candidate: IceCandidate): boolean {
  const { relatedAddress, relatedPort, tcpType } = candidate
  return (
    TOKEN.test(candidate.foundation) &&
    isWithin(candidate.component, 1, 256) &&
    /^(udp|tcp)$/.test(candidate.protocol) &&
    isWithin(candidate.priority, 0, 0xffff_ffff) &&
    IP.test(candidate.ip) &&
    isWithin(candidate.port, 1, 65_535) &&
    /^(host|srflx|prflx|relay)$/.test(candidate.type) &&
    (relatedAddress === undefined || IP.test(relatedAddress)) &&
    (relatedPort === undefined || isWithin(relatedPort, 0, 65_535)) &&
    (candidate.protocol === 'tcp' ? /^(active|passive|so)$/.test(tcpType ?? '') : tcpType === undefined)
  )
}

function isWithin(number: number, least: number, most: number): boolean {
  return Number.isInteger(number) && number >= least && number <= most
}
