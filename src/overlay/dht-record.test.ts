import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Address, nodeAddress } from './address.ts'
import { ByteReader, ByteWriter } from './bytes.ts'
import {
  type DhtRecord,
  identityOf,
  MAX_LEASE_MS,
  MAX_PROOF_BYTES,
  MAX_VALUE_BYTES,
  readRecord,
  tagOf,
  writeRecord,
} from './dht-record.ts'
import { keyOf, record } from './test-records.ts'

const addresses: fc.Arbitrary<Address> = fc
  .uint8Array({ minLength: 20, maxLength: 20 })
  .map((bytes) => nodeAddress(bytes))
const bindings = fc.record({ writer: addresses, proof: fc.uint8Array({ maxLength: MAX_PROOF_BYTES }) })
const common = {
  key: addresses,
  version: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
  leftMs: fc.integer({ min: 0, max: MAX_LEASE_MS }),
}

const records: fc.Arbitrary<DhtRecord> = fc.oneof(
  fc.record({
    ...common,
    value: fc.uint8Array({ maxLength: 300 }),
    bound: fc.option(bindings, { nil: undefined }),
    withdrawn: fc.constant(false),
  }),
  fc.record({ ...common, value: fc.constant(new Uint8Array()), bound: bindings, withdrawn: fc.constant(true) }),
)

const written = (each: DhtRecord) => {
  const writer = new ByteWriter()
  writeRecord(writer, each)
  return writer.finish()
}
const read = (bytes: Uint8Array): DhtRecord | undefined => {
  const reader = new ByteReader(bytes)
  const each = readRecord(reader)
  return reader.complete ? each : undefined
}
const WRITER = keyOf(7)
/** Of a free record: after the key, the flags. */
const FLAGS_AT = 20

describe('a record', () => {
  test('survives the trip', () => {
    fc.assert(
      fc.property(records, (sent) => {
        expect(read(written(sent))).toEqual(sent)
      }),
      { numRuns: 500 },
    )
  })

  test('may have the largest value and proof and the longest lease that there are', () => {
    const value = new Uint8Array(MAX_VALUE_BYTES).fill(7)
    const bound = { writer: WRITER, proof: new Uint8Array(MAX_PROOF_BYTES).fill(8) }
    const largest = record('', { value, bound, leftMs: MAX_LEASE_MS, version: 2 ** 48 - 1 })
    expect(read(written(largest))).toEqual(largest)
  })

  test.each<[string, Partial<DhtRecord>]>([
    ['a larger value', { value: new Uint8Array(MAX_VALUE_BYTES + 1) }],
    ['a larger proof', { bound: { writer: WRITER, proof: new Uint8Array(MAX_PROOF_BYTES + 1) } }],
    ['a longer lease', { leftMs: MAX_LEASE_MS + 1 }],
    ['nobody who could have withdrawn it', { withdrawn: true, value: new Uint8Array() }],
    ['a value though it is withdrawn', { withdrawn: true, bound: { writer: WRITER, proof: new Uint8Array() } }],
  ])('with %s is refused', (_, wrong) => {
    expect(read(written(record('value', wrong)))).toBeUndefined()
  })

  test('with a flag that there is not is refused', () => {
    const bytes = written(record('value'))
    for (let flag = 4; flag < 256; flag *= 2) {
      bytes[FLAGS_AT] = flag
      expect(read(bytes)).toBeUndefined()
    }
  })

  test('does not keep the bytes alive that it came in', () => {
    const bytes = written(record('value'))
    expect(read(bytes)?.value.buffer).not.toBe(bytes.buffer)
  })

  test('whose lease is over is written as one of no time', () => {
    expect(read(written(record('value', { leftMs: -5 })))?.leftMs).toBe(0)
  })
})

describe('the identity of a record', () => {
  test('of free values is their bytes: what they have in common beside does not matter', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ maxLength: 40 }), (a, b) => {
        const [one, other] = [record('', { value: a }), record('', { value: b, version: 9, leftMs: 5 })]
        expect(identityOf(one) === identityOf(other)).toBe(Buffer.compare(a, b) === 0)
      }),
    )
  })

  test('of what is bound is its writer, whatever the value', () => {
    const first = identityOf(record('a', { writer: WRITER }))
    expect(identityOf(record('b', { writer: WRITER }))).toBe(first)
    expect(identityOf(record('a', { writer: keyOf(8) }))).not.toBe(first)
  })

  test('tells a free value from what is bound, even if its bytes spell the writer', () => {
    expect(identityOf(record(`${WRITER}`))).not.toBe(identityOf(record('', { writer: WRITER })))
  })
})

describe('the tag of an identity', () => {
  test('is thirteen hex digits', () => {
    fc.assert(
      fc.property(fc.string(), (identity) => {
        expect(tagOf(identity)).toMatch(/^[0-9a-f]{13}$/)
      }),
    )
  })

  test('is another for each of many values that are much alike', () => {
    const tags = new Set<string>()
    for (let number = 0; number < 50_000; number++) {
      tags.add(tagOf(identityOf(record(`member ${number}`))))
      tags.add(tagOf(identityOf(record('', { value: Uint8Array.of(number >> 8, number, 0, 0, 0) }))))
    }
    // Numbers of two bytes and no more.
    expect(tags.size).toBe(50_000 + 50_000)
  })
})
