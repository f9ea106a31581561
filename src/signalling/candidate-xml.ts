/**
 * Candidate XML: one ICE candidate as XEP-0176 1.1.1 §5.3 writes it, with the `tcptype` of XEP-0371 for TCP. Reading
 * bounds every attribute, because what is read ends up in an SDP.
 */
import type { IceCandidate } from '../ports.ts'
import { type Element, xml } from '../xmpp/stanza.ts'

const PROTOCOLS = ['udp', 'tcp'] as const
const TYPES = ['host', 'srflx', 'prflx', 'relay'] as const
const TCP_TYPES = ['active', 'passive', 'so'] as const

const FOUNDATION = /^[A-Za-z0-9+/]{1,32}$/ // RFC 8839 §5.1.
const IP = /^[A-Za-z0-9.:-]{1,253}$/ // An IPv4 or IPv6 address, or the name that mDNS hides one behind.
const MAX_COMPONENT = 256 // RFC 8839 §5.1.
const MAX_PRIORITY = 0xffff_ffff // RFC 8445 §5.1.2 ends at 2^31 - 1; senders that use the upper half exist.
const MAX_PORT = 65_535

export function writeCandidate(candidate: IceCandidate): Element {
  const { foundation, component, protocol, priority, ip, port, type } = candidate
  return xml('candidate', {
    component: String(component),
    foundation,
    generation: '0',
    // Unique within a session, as XEP-0176 asks, because no two candidates share all four.
    id: `${foundation}.${component}.${port}${protocol === 'tcp' ? 't' : 'u'}`,
    ip,
    port: String(port),
    priority: String(priority),
    protocol,
    type,
    ...(candidate.relatedAddress === undefined ? {} : { 'rel-addr': candidate.relatedAddress }),
    ...(candidate.relatedPort === undefined ? {} : { 'rel-port': String(candidate.relatedPort) }),
    ...(candidate.tcpType === undefined ? {} : { tcptype: candidate.tcpType }),
  })
}

export function readCandidate(element: Element): IceCandidate | undefined {
  const { attrs } = element
  const foundation = textOf(attrs.foundation, FOUNDATION)
  const component = numberOf(attrs.component, 1, MAX_COMPONENT)
  const protocol = wordOf(attrs.protocol, PROTOCOLS)
  const priority = numberOf(attrs.priority, 0, MAX_PRIORITY)
  const ip = textOf(attrs.ip, IP)
  const port = numberOf(attrs.port, 1, MAX_PORT)
  const type = wordOf(attrs.type, TYPES)
  if (foundation === undefined || component === undefined || protocol === undefined) return undefined
  if (priority === undefined || ip === undefined || port === undefined || type === undefined) return undefined
  const relatedAddress = textOf(attrs['rel-addr'], IP)
  const relatedPort = numberOf(attrs['rel-port'], 0, MAX_PORT)
  const tcpType = wordOf(attrs.tcptype, TCP_TYPES)
  if ((protocol === 'tcp') !== (tcpType !== undefined)) return undefined
  return {
    foundation,
    component,
    protocol,
    priority,
    ip,
    port,
    type,
    ...(relatedAddress === undefined ? {} : { relatedAddress }),
    ...(relatedPort === undefined ? {} : { relatedPort }),
    ...(tcpType === undefined ? {} : { tcpType }),
  }
}

function textOf(value: unknown, shape: RegExp): string | undefined {
  return typeof value === 'string' && shape.test(value) ? value : undefined
}

function numberOf(value: unknown, least: number, most: number): number | undefined {
  const text = textOf(value, /^\d{1,10}$/)
  const number = Number(text)
  return text !== undefined && number >= least && number <= most ? number : undefined
}

function wordOf<Word extends string>(value: unknown, words: readonly Word[]): Word | undefined {
  return words.find((word) => word === (typeof value === 'string' ? value.toLowerCase() : undefined))
}
