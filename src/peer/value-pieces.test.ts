import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MAX_VALUE_BYTES as MAX_RECORD_BYTES } from '../overlay/dht-record.ts'
import { cutUp, keyOf, MAX_VALUE_BYTES, putTogether, readHead } from './value-pieces.ts'

const HASH = 'c0ffee'

test('a value of any size comes back whole, in records that are not too large', () => {
  const sizes = fc.oneof(fc.nat(64), fc.integer({ min: MAX_RECORD_BYTES - 2, max: 3 * MAX_RECORD_BYTES }))
  fc.assert(
    fc.property(sizes, fc.nat(255), (size, seed) => {
      const value = Uint8Array.from({ length: size }, (_, index) => (index * 31 + seed) & 255)
      const { head, pieces } = cutUp(HASH, value)
      for (const each of [head, ...pieces.map((piece) => piece.value)])
        expect(each.length <= MAX_RECORD_BYTES).toBe(true)
      const read = readHead(HASH, head)
      if (read instanceof Uint8Array) expect(read).toEqual(value)
      else {
        expect(read?.keys).toEqual(pieces.map(({ key }) => key))
        const found = pieces.map((piece) => [Uint8Array.of(1), piece.value])
        expect(read && putTogether(read, found)).toEqual(value)
      }
    }),
    { numRuns: 60 },
  )
})

test('a piece that is missing, or another than was put there, is noticed', () => {
  const { head, pieces } = cutUp(HASH, new Uint8Array(40_000).fill(7))
  const read = readHead(HASH, head)
  if (!read || read instanceof Uint8Array) throw new Error('The value was to be in pieces.')
  const found = pieces.map((piece) => [piece.value])
  expect(putTogether(read, [[], ...found.slice(1)])).toBeUndefined()
  expect(
    putTogether(read, [[(pieces[0]?.value ?? new Uint8Array()).map((byte) => byte ^ 1)], ...found.slice(1)]),
  ).toBeUndefined()
})

test('what is no head is not read as one, whatever size it claims', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 48 }), (bytes) => void readHead(HASH, bytes)))
  const head = cutUp(HASH, new Uint8Array(40_000)).head
  new DataView(head.buffer).setUint32(1, MAX_VALUE_BYTES + 1)
  expect(readHead(HASH, head)).toBeUndefined()
})

test('the same key lies elsewhere in another namespace, and where a record can lie', () => {
  expect(keyOf('a', 'colour')).not.toBe(keyOf('b', 'colour'))
  expect(keyOf('a', 'colour')).toMatch(/^[0-9a-f]{39}[02468ace]$/)
})
