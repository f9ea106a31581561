import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Address, nodeAddress } from './address.ts'
import { ByteWriter } from './bytes.ts'
import { type DhtRecord, identityOf, MAX_LEASE_MS, MAX_PROOF_BYTES, tagOf } from './dht-record.ts'
import { MAX_PAGE_RECORDS } from './dht-store.ts'
import {
  DHT_KINDS,
  DHT_OUTCOMES,
  type DhtMessage,
  decodeDhtMessage,
  encodeDhtMessage,
  MAX_COMPARED,
  NO_TAG,
} from './dht-wire.ts'
import { KEY, record } from './test-records.ts'

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

const id = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const kind = <Kind extends DhtMessage['kind']>(name: Kind) => fc.constant(name)
const some = (all: fc.Arbitrary<DhtRecord>) => fc.array(all, { maxLength: 5 })
const tag = fc.string().map((text) => tagOf(text))
const held = fc.record({ key: addresses, tag, version: fc.integer({ min: 0, max: 2 ** 48 - 1 }) })
const message: fc.Arbitrary<DhtMessage> = fc.oneof(
  fc.record({ kind: kind('put'), id, create: fc.boolean(), record: records }),
  fc.record({ kind: kind('get'), id, local: fc.boolean(), key: addresses, after: fc.oneof(tag, fc.constant(NO_TAG)) }),
  fc.record({ kind: kind('done'), id, outcome: fc.constantFrom(...DHT_OUTCOMES) }),
  fc.record({ kind: kind('values'), id, more: fc.boolean(), records: some(records) }),
  fc.record({ kind: kind('copy'), id, records: some(records) }),
  fc.record({ kind: kind('compare'), id, held: fc.array(held, { maxLength: 20 }) }),
  fc.record({ kind: kind('wants'), id, indices: fc.array(fc.nat(65_535), { maxLength: 20 }) }),
)
const OUTCOME_AT = 5
const COUNT_AT = 5

describe('a message of the DHT', () => {
  test('survives the trip', () => {
    fc.assert(
      fc.property(message, (sent) => {
        expect(decodeDhtMessage(encodeDhtMessage(sent))).toEqual(sent)
      }),
      { numRuns: 500 },
    )
  })

  test('that is cut short is refused', () => {
    fc.assert(
      fc.property(message, fc.nat(), (sent, cut) => {
        const whole = encodeDhtMessage(sent)
        expect(decodeDhtMessage(whole.subarray(0, cut % whole.length))).toBeUndefined()
      }),
    )
  })

  test('with bytes after its end is refused', () => {
    fc.assert(
      fc.property(message, (sent) => {
        expect(decodeDhtMessage(Uint8Array.of(...encodeDhtMessage(sent), 0))).toBeUndefined()
      }),
    )
  })

  test('that is read is one that would be written just so', () => {
    fc.assert(
      fc.property(message, fc.nat(), fc.nat(255), (sent, place, value) => {
        const changed = encodeDhtMessage(sent)
        changed[place % changed.length] = value
        const read = decodeDhtMessage(changed)
        if (read) expect(encodeDhtMessage(read)).toEqual(changed)
      }),
      { numRuns: 2_000 },
    )
  })

  test('is never thrown at, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat(DHT_KINDS.length), (hostile, first) => {
        expect(() => decodeDhtMessage(Uint8Array.of(first, ...hostile))).not.toThrow()
      }),
      { numRuns: 2_000 },
    )
  })

  test('of a kind or an outcome that there is not is refused', () => {
    const done = encodeDhtMessage({ kind: 'done', id: 1, outcome: 'stored' })
    expect(decodeDhtMessage(done.with(0, DHT_KINDS.length))).toBeUndefined()
    expect(decodeDhtMessage(done.with(OUTCOME_AT, DHT_OUTCOMES.length))).toBeUndefined()
  })

  test('has no more records than a page', () => {
    const page = Array.from({ length: MAX_PAGE_RECORDS }, (_, number) => record(`${number}`))
    expect(decodeDhtMessage(encodeDhtMessage({ kind: 'copy', id: 1, records: page }))).toBeDefined()
    const more = [...page, record('one more')]
    expect(decodeDhtMessage(encodeDhtMessage({ kind: 'copy', id: 1, records: more }))).toBeUndefined()
  })

  test('compares so many at once and no more', () => {
    const one = { key: KEY, tag: tagOf('a'), version: 1 }
    const compared = (count: number) => {
      return decodeDhtMessage(encodeDhtMessage({ kind: 'compare', id: 1, held: Array(count).fill(one) }))
    }
    expect(compared(MAX_COMPARED)).toBeDefined()
    expect(compared(MAX_COMPARED + 1)).toBeUndefined()
  })

  test('that names more than it has is refused before room is made for it', () => {
    const lying = new ByteWriter().u8(DHT_KINDS.indexOf('wants')).u32(1).u16(65_535).finish()
    expect(decodeDhtMessage(lying)).toBeUndefined()
    expect(lying[COUNT_AT]).toBe(255)
  })
})

test('the tag of no identity is none, so that each record comes after it', () => {
  fc.assert(
    fc.property(records, (each) => {
      expect(tagOf(identityOf(each)) > NO_TAG).toBe(true)
    }),
  )
})
