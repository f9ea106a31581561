/** The payloads of requests, to connect or only to answer, and of the reply to either; see the table in wire.ts. */
import type { Address } from './address.ts'
import { ByteReader, ByteWriter } from './bytes.ts'
import type { Endpoint } from './endpoint.ts'
import { ALL_ROLES, NO_ROLES, type RoleBits } from './role.ts'
import {
  NOBODY,
  readAddresses,
  readEndpoints,
  readStatus,
  type Status,
  writeAddresses,
  writeEndpoints,
  writeStatus,
} from './wire-fields.ts'

const METHODS = ['connect', 'find'] as const

export type Request = {
  id: number
  /** Through whom the reply must go, for a requester that is not in the ring yet. */
  via: Address | undefined
  /** `find`: who receives it is asked for nothing but a reply; what follows is empty then. */
  method: (typeof METHODS)[number]
  role: RoleBits
  endpoints: Endpoint[]
  /** Through whom the requester can be reached, if not by itself. */
  forwarders: Address[]
}

export type Reply = {
  id: number
  endpoints: Endpoint[]
  status: Status
  forwarders: Address[]
  /** Has as many links of this role as it bears, and does not dial. */
  full: boolean
}

export function encodeRequest(request: Request): Uint8Array {
  const writer = new ByteWriter()
    .u32(request.id)
    .address(request.via ?? NOBODY)
    .u8(METHODS.indexOf(request.method))
  if (request.method === 'find') return writer.finish()
  writer.u8(request.role)
  writeEndpoints(writer, request.endpoints)
  writeAddresses(writer, request.forwarders)
  return writer.finish()
}

export function decodeRequest(payload: Uint8Array): Request | undefined {
  const reader = new ByteReader(payload)
  const id = reader.u32()
  const via = reader.nodeAddress()
  const method = METHODS[reader.u8()]
  const from = { id, via: via === NOBODY ? undefined : via }
  if (method === 'find') {
    return reader.complete ? { ...from, method, role: NO_ROLES, endpoints: [], forwarders: [] } : undefined
  }
  const role = (reader.u8() & ALL_ROLES) as RoleBits
  const endpoints = readEndpoints(reader)
  const forwarders = readAddresses(reader)
  return reader.complete && method ? { ...from, method, role, endpoints, forwarders } : undefined
}

export function encodeReply(reply: Reply): Uint8Array {
  const writer = new ByteWriter().u32(reply.id)
  writeEndpoints(writer, reply.endpoints)
  writeStatus(writer, reply.status)
  writeAddresses(writer, reply.forwarders)
  writer.u8(reply.full ? 1 : 0)
  return writer.finish()
}

export function decodeReply(payload: Uint8Array): Reply | undefined {
  const reader = new ByteReader(payload)
  const id = reader.u32()
  const endpoints = readEndpoints(reader)
  const status = readStatus(reader)
  const forwarders = readAddresses(reader)
  const reply = { id, endpoints, status, forwarders, full: reader.u8() === 1 }
  return reader.complete ? reply : undefined
}
