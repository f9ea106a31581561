/** The payloads of "connect to me" and its answer; see the table in wire.ts. */
import type { Address } from './address.ts'
import { ByteReader, ByteWriter } from './bytes.ts'
import type { Endpoint } from './endpoint.ts'
import { ALL_ROLES, type RoleBits } from './role.ts'
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

export type Request = {
  id: number
  /** Through whom the reply must go, for a requester that is not in the ring yet. */
  via: Address | undefined
  method: 'connect'
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

const CONNECT = 0

export function encodeRequest(request: Request): Uint8Array {
  const writer = new ByteWriter()
    .u32(request.id)
    .address(request.via ?? NOBODY)
    .u8(CONNECT)
    .u8(request.role)
  writeEndpoints(writer, request.endpoints)
  writeAddresses(writer, request.forwarders)
  return writer.finish()
}

export function decodeRequest(payload: Uint8Array): Request | undefined {
  const reader = new ByteReader(payload)
  const id = reader.u32()
  const via = reader.nodeAddress()
  const method = reader.u8()
  const role = (reader.u8() & ALL_ROLES) as RoleBits
  const endpoints = readEndpoints(reader)
  const forwarders = readAddresses(reader)
  if (!reader.complete || method !== CONNECT) return undefined
  return { id, via: via === NOBODY ? undefined : via, method: 'connect', role, endpoints, forwarders }
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
