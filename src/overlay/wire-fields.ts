/** Fields that several frames and packets of the wire format share: endpoints and status. Their layout stands in wire.ts. */
import type { Address } from './address.ts'
import type { ByteReader, ByteWriter } from './bytes.ts'
import { type Endpoint, MAX_ENDPOINT_LENGTH, parseEndpoint } from './endpoint.ts'
import { ALL_ROLES, type RoleBits } from './role.ts'

/** Brunet sends 12 (reference constant of ConnectToMessage); a tab has a few schemes at most. */
export const MAX_ENDPOINTS = 8
/** Neighbours named in one status: four on either side of whom it is sent to. */
export const MAX_NEIGHBOURS = 8
/** Addresses of other nodes named at once: forwarders (Brunet, RelayTransportAddress: 16), or links beside a status's. */
export const MAX_ADDRESSES = 16

/** In the place of an address: whoever is there, or none. */
export const NOBODY = '0'.repeat(40) as Address

export type Status = {
  roles: RoleBits
  hidden: boolean
  /** The sender's estimate of the number of nodes, at most 65 535. */
  size: number
  /** The sender's links that are nearest to the receiver. */
  neighbours: Address[]
}

export function writeEndpoints(writer: ByteWriter, endpoints: readonly Endpoint[]): void {
  const sent = endpoints.slice(0, MAX_ENDPOINTS)
  writer.u8(sent.length)
  for (const endpoint of sent) writer.text(endpoint)
}

/** Endpoints that cannot be read are left out: a newer node may know schemes that we do not. */
export function readEndpoints(reader: ByteReader): Endpoint[] {
  const count = reader.u8()
  if (count > MAX_ENDPOINTS) reader.failed = true
  const endpoints: Endpoint[] = []
  for (let index = 0; index < count && !reader.failed; index++) {
    const endpoint = parseEndpoint(reader.text(4 * MAX_ENDPOINT_LENGTH))
    if (endpoint) endpoints.push(endpoint)
  }
  return endpoints
}

export function writeAddresses(writer: ByteWriter, addresses: readonly Address[], max = MAX_ADDRESSES): void {
  const sent = addresses.slice(0, max)
  writer.u8(sent.length)
  for (const address of sent) writer.address(address)
}

export function readAddresses(reader: ByteReader, max = MAX_ADDRESSES): Address[] {
  const count = reader.u8()
  if (count > max) reader.failed = true
  const addresses: Address[] = []
  for (let index = 0; index < count && !reader.failed; index++) addresses.push(reader.nodeAddress())
  return addresses
}

export function writeStatus(writer: ByteWriter, status: Status): void {
  writer
    .u8(status.roles)
    .u8(status.hidden ? 1 : 0)
    .u16(Math.min(status.size, 65_535))
  writeAddresses(writer, status.neighbours, MAX_NEIGHBOURS)
}

export function readStatus(reader: ByteReader): Status {
  const roles = (reader.u8() & ALL_ROLES) as RoleBits
  const flags = reader.u8()
  const size = reader.u16()
  return { roles, hidden: (flags & 1) === 1, size, neighbours: readAddresses(reader, MAX_NEIGHBOURS) }
}
