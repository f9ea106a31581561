/** What nodes say to each other of the DHT, as decoders: whole messages, and the records in them. */
import fc from 'fast-check'
import { nodeAddress } from '../../src/overlay/address.ts'
import { ByteReader, ByteWriter } from '../../src/overlay/bytes.ts'
import {
  type DhtRecord,
  identityOf,
  MAX_LEASE_MS,
  readRecord,
  tagOf,
  writeRecord,
} from '../../src/overlay/dht-record.ts'
import { DHT_OUTCOMES, type DhtMessage, decodeDhtMessage, encodeDhtMessage } from '../../src/overlay/dht-wire.ts'
import type { Decoder } from './decoder.ts'

const id = fc.nat(2 ** 32 - 1)
const addresses = fc.uint8Array({ minLength: 20, maxLength: 20 }).map((bytes) => nodeAddress(bytes))
const bindings = fc.record({ writer: addresses, proof: fc.uint8Array({ maxLength: 96 }) })
const version = fc.integer({ min: 0, max: 2 ** 48 - 1 })
const lease = { key: addresses, version, leftMs: fc.nat(MAX_LEASE_MS) }
const records: fc.Arbitrary<DhtRecord> = fc.oneof(
  fc.record({
    ...lease,
    value: fc.uint8Array({ maxLength: 60 }),
    bound: fc.option(bindings, { nil: undefined }),
    withdrawn: fc.constant(false),
  }),
  fc.record({ ...lease, value: fc.constant(new Uint8Array()), bound: bindings, withdrawn: fc.constant(true) }),
)
const someRecords = fc.array(records, { maxLength: 4 })
const tags = fc.string().map(tagOf)
const messages: fc.Arbitrary<DhtMessage> = fc.oneof(
  fc.record({ kind: fc.constant('put' as const), id, create: fc.boolean(), record: records }),
  fc.record({ kind: fc.constant('get' as const), id, local: fc.boolean(), key: addresses, after: tags }),
  fc.record({ kind: fc.constant('done' as const), id, outcome: fc.constantFrom(...DHT_OUTCOMES) }),
  fc.record({ kind: fc.constant('values' as const), id, more: fc.boolean(), records: someRecords }),
  fc.record({ kind: fc.constant('copy' as const), id, records: someRecords }),
  fc.record({
    kind: fc.constant('compare' as const),
    id,
    held: fc.array(fc.record({ key: addresses, tag: tags, version }), { maxLength: 8 }),
  }),
  fc.record({ kind: fc.constant('wants' as const), id, indices: fc.array(fc.nat(65_535), { maxLength: 8 }) }),
)

/** What is stored and compared of a record is made of whatever was read. */
function readWhole(bytes: Uint8Array): [DhtRecord, string] | undefined {
  const reader = new ByteReader(bytes)
  const record = readRecord(reader)
  return reader.complete ? [record, tagOf(identityOf(record))] : undefined
}

function written(record: DhtRecord): Uint8Array {
  const writer = new ByteWriter()
  writeRecord(writer, record)
  return writer.finish()
}

export const DHT_DECODERS: Decoder[] = [
  { name: 'dht-message', valid: messages.map(encodeDhtMessage), decode: decodeDhtMessage },
  { name: 'dht-record', valid: records.map(written), decode: readWhole },
]
