import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import type { Address } from './address.ts'
import { type DhtRecord, identityOf, MAX_VALUE_BYTES } from './dht-record.ts'
import { DhtStore, MAX_RECORDS, MAX_STORED_BYTES, MAX_VALUES_PER_KEY, recordOf, type Source } from './dht-store.ts'
import { KEY, keyOf, record, textOf } from './test-records.ts'

const WRITER = keyOf(7)
const textsOf = (store: DhtStore, nowMs: number, key = KEY) => store.of(key, nowMs).map((each) => textOf(each.record))

describe('what is stored', () => {
  let store: DhtStore
  beforeEach(() => {
    store = new DhtStore()
  })

  test('is there until its lease ends, and not at that moment', () => {
    store.put(record('a', { ms: 1_000 }), 5_000)
    expect(textsOf(store, 5_999)).toEqual(['a'])
    expect(textsOf(store, 6_000)).toEqual([])
  })

  test('is several values under one key, in the order of their tags', () => {
    for (const text of ['a', 'b', 'c']) store.put(record(text), 0)
    expect(textsOf(store, 1).sort()).toEqual(['a', 'b', 'c'])
    const tags = store.of(KEY, 1).map(({ tag }) => tag)
    expect(tags).toEqual([...tags].sort())
  })

  test('comes in pages: what is after a tag is the rest', () => {
    for (let number = 0; number < 10; number++) store.put(record(`${number}`), 0)
    const all = store.of(KEY, 1)
    expect(store.of(KEY, 1, all[3]?.tag)).toEqual(all.slice(4))
  })

  test('is renewed by the same value with another lease that ends later', () => {
    store.put(record('a', { ms: 1_000 }), 0)
    expect(store.put(record('a', { ms: 1_000, version: 2 }), 500).outcome).toBe('new')
    expect(store.size).toBe(1)
    expect(textsOf(store, 1_400)).toEqual(['a'])
  })

  test('is not cut short by a lease of another that ends sooner', () => {
    store.put(record('a', { ms: 1_000 }), 0)
    expect(store.put(record('a', { ms: 100, version: 2 }), 500).outcome).toBe('older')
    expect(textsOf(store, 900)).toEqual(['a'])
  })

  test('has the shortest of what is said to be left of one lease', () => {
    const { stored } = store.put(record('a', { ms: 1_000 }), 0)
    expect(store.put(record('a', { ms: 5_000 }), 100).outcome).toBe('known')
    expect(stored?.endsAtMs).toBe(1_000)
    store.put(record('a', { ms: 300 }), 100)
    expect(stored?.endsAtMs).toBe(400)
  })

  test('is not ended by who puts it again for a moment, however often', () => {
    store.put(record('a', { ms: 60_000 }), 0)
    for (let times = 0; times < 5; times++) store.put(record('a', { ms: 1 }), 100)
    expect(textsOf(store, 49_999)).toEqual(['a'])
    store.put(record('a', { ms: 90_000, version: 2 }), 200)
    store.put(record('a', { ms: 1, version: 2 }), 300)
    expect(textsOf(store, 80_000)).toEqual(['a'])
  })

  test('is told with what is left of its lease', () => {
    const { stored } = store.put(record('a', { ms: 1_000 }), 0)
    expect(stored && recordOf(stored, 250).leftMs).toBe(750)
  })

  test('is not what has no time left', () => {
    expect(store.put(record('a', { ms: 0 }), 0)).toEqual({ outcome: 'older', stored: undefined })
    expect(store.size).toBe(0)
  })
})

describe('what is bound to a writer', () => {
  let store: DhtStore
  beforeEach(() => {
    store = new DhtStore()
    store.put(record('first', { writer: WRITER, version: 5 }), 0)
  })

  test('is replaced by a later version, whichever lease ends first', () => {
    expect(store.put(record('second', { writer: WRITER, version: 6, ms: 10 }), 1).outcome).toBe('new')
    expect(textsOf(store, 2)).toEqual(['second'])
  })

  test('is not replaced by an older version', () => {
    expect(store.put(record('before', { writer: WRITER, version: 4, ms: 90_000 }), 1).outcome).toBe('older')
    expect(textsOf(store, 2)).toEqual(['first'])
  })

  test('is not replaced by what is bound to another, or free', () => {
    store.put(record('second', { writer: keyOf(8), version: 9 }), 1)
    store.put(record('third', { version: 9 }), 1)
    expect(textsOf(store, 2).sort()).toEqual(['first', 'second', 'third'])
  })

  test('is remembered as withdrawn, and does not come back with a copy', () => {
    const value = new Uint8Array()
    store.put(record('', { writer: WRITER, version: 6, withdrawn: true, value }), 1)
    expect(store.put(record('first', { writer: WRITER, version: 5 }), 2).outcome).toBe('older')
    expect(store.of(KEY, 3).map(({ record: { withdrawn } }) => withdrawn)).toEqual([true])
  })
})

describe('a store', () => {
  test('refuses more records than it may have, and says so', () => {
    const store = new DhtStore()
    for (let number = 0; number < MAX_RECORDS; number++) {
      store.put(record(`${number}`, { key: keyOf(2 * (number >> 6)), ms: 1_000 }), 0)
    }
    expect(store.size).toBe(MAX_RECORDS)
    expect(store.put(record('one more', { key: keyOf(254) }), 1)).toEqual({ outcome: 'full', stored: undefined })
    expect(store.put(record('0', { key: keyOf(0), version: 2 }), 1).outcome).toBe('new')
  })

  test('refuses more bytes than it may have, and counts what is beside the values', () => {
    const store = new DhtStore()
    let outcome = 'new'
    for (let number = 0; outcome === 'new'; number++) {
      const value = new Uint8Array(MAX_VALUE_BYTES)
      value[0] = number
      value[1] = number >> 8
      outcome = store.put(record('', { key: keyOf(2 * (number >> 7)), value }), 0).outcome
    }
    expect(outcome).toBe('full')
    expect(store.byteLength).toBeLessThanOrEqual(MAX_STORED_BYTES)
    expect(store.byteLength).toBeGreaterThan(MAX_STORED_BYTES - 2 * MAX_VALUE_BYTES)
    expect(store.size * MAX_VALUE_BYTES).toBeLessThan(store.byteLength)
  })

  test('refuses more values of a key than there may be, and takes those of another', () => {
    const store = new DhtStore()
    for (let number = 0; number < MAX_VALUES_PER_KEY; number++) store.put(record(`${number}`), 0)
    expect(store.put(record('one more'), 1).outcome).toBe('too-many-values')
    expect(store.put(record('one more', { key: keyOf(2) }), 1).outcome).toBe('new')
  })

  test('gives the room of those whose lease has ended to others, though nobody has looked since', () => {
    const store = new DhtStore({ records: 2, bytes: 1_000, valuesPerKey: 1 })
    store.put(record('a', { ms: 10 }), 0)
    expect(store.put(record('b'), 20).outcome).toBe('new')
    store.put(record('c', { key: keyOf(2), ms: 10 }), 20)
    expect(store.put(record('d', { key: keyOf(4) }), 25).outcome).toBe('full')
    expect(store.put(record('d', { key: keyOf(4) }), 40).outcome).toBe('new')
  })

  test('whose records have all ended is empty once it has looked', () => {
    const store = new DhtStore()
    for (let number = 0; number < 9; number++) store.put(record(`${number}`, { ms: 10 + number }), 0)
    expect(store.earliestEndMs()).toBe(10)
    store.expire(14)
    expect(store.size).toBe(4)
    store.expire(18)
    expect([store.size, store.byteLength, store.keyCount, store.earliestEndMs()]).toEqual([0, 0, 0, undefined])
  })
})

describe('who has given half of what a store may hold', () => {
  const [giver, other] = [keyOf(2), keyOf(4)]
  const from = (...givers: Address[]): Source => ({ givers, share: 1 / 2 })
  /** Each under a key of its own. */
  const fill = (store: DhtStore, count: number, source: Source, ms = 1_000) => {
    const outcomes = Array.from({ length: count }, (_, number) => {
      return store.put(record(`${number}`, { key: keyOf(2 * (store.size + 1)), ms }), 0, source).outcome
    })
    return outcomes.filter((outcome) => outcome === 'new').length
  }

  test('may give no more, and others and we ourselves may', () => {
    const store = new DhtStore({ records: 8, bytes: 100_000, valuesPerKey: 8 })
    expect(fill(store, 8, from(giver))).toBe(4)
    expect(store.put(record('x'), 0, from(giver)).outcome).toBe('share-used-up')
    expect(store.put(record('x'), 0, from(other)).outcome).toBe('new')
    expect(store.put(record('y'), 0).outcome).toBe('new')
  })

  test('may give no more under the names of others over its own link', () => {
    const store = new DhtStore({ records: 8, bytes: 100_000, valuesPerKey: 8 })
    for (let name = 10; name < 30; name += 2) fill(store, 1, from(keyOf(name), giver))
    expect(store.size).toBe(4)
  })

  test('may give more again when something of it is over', () => {
    const store = new DhtStore({ records: 8, bytes: 100_000, valuesPerKey: 8 })
    fill(store, 8, from(giver), 100)
    expect(store.put(record('x'), 50, from(giver)).outcome).toBe('share-used-up')
    expect(store.put(record('x'), 100, from(giver)).outcome).toBe('new')
  })

  test('may not make it larger either', () => {
    const store = new DhtStore({ records: 8, bytes: 1_000, valuesPerKey: 8 })
    const bound = (length: number, version: number) => record('z'.repeat(length), { writer: WRITER, version })
    expect(store.put(bound(100, 1), 0, from(giver)).outcome).toBe('new')
    expect(store.put(bound(400, 2), 0, from(giver)).outcome).toBe('share-used-up')
    expect(store.put(bound(200, 3), 0, from(giver)).outcome).toBe('new')
  })
})

// ------------------------------------------------------------------------------------ against a map with leases

type Kept = { text: string; version: number; endsAtMs: number; withdrawn: boolean }
type Model = { nowMs: number; keys: Map<Address, Map<string, Kept>> }
type Real = { store: DhtStore }

const LIMITS = { records: 12, bytes: 100_000, valuesPerKey: 4 }
const KEYS = [2, 4, 6, 8].map(keyOf)

function liveIn({ nowMs, keys }: Model, key: Address): Map<string, Kept> {
  const all = [...(keys.get(key) ?? [])].filter(([, { endsAtMs }]) => endsAtMs > nowMs)
  return new Map(all)
}

class Put implements fc.Command<Model, Real> {
  private readonly record: DhtRecord

  constructor(put: DhtRecord) {
    this.record = put
  }

  check(): boolean {
    return true
  }

  run(model: Model, { store }: Real): void {
    const { key, version, leftMs, withdrawn, bound } = this.record
    const identity = identityOf(this.record)
    const live = liveIn(model, key)
    const known = live.get(identity)
    const endsAtMs = model.nowMs + leftMs
    const others = KEYS.reduce((sum, each) => sum + liveIn(model, each).size, 0)
    let expected = 'new'
    if (known && known.version === version) expected = 'known'
    else if (known && (bound ? version < known.version : endsAtMs <= known.endsAtMs)) expected = 'older'
    else if (!known && live.size >= LIMITS.valuesPerKey) expected = 'too-many-values'
    else if (!known && others >= LIMITS.records) expected = 'full'

    expect(store.put(this.record, model.nowMs).outcome).toBe(expected)
    if (known && expected === 'known') known.endsAtMs = Math.min(known.endsAtMs, endsAtMs)
    if (expected === 'new') live.set(identity, { text: textOf(this.record), version, endsAtMs, withdrawn })
    model.keys.set(key, live)
  }

  toString(): string {
    const { key, version, leftMs, withdrawn, bound } = this.record
    return `put(${key.slice(2, 4)} ${identityOf(this.record)} v${version} ${leftMs} ms ${bound && withdrawn ? 'withdrawn' : ''})`
  }
}

class Wait implements fc.Command<Model, Real> {
  private readonly ms: number
  private readonly looks: boolean

  constructor(ms: number, looks: boolean) {
    this.ms = ms
    this.looks = looks
  }

  check(): boolean {
    return true
  }

  run(model: Model, { store }: Real): void {
    model.nowMs += this.ms
    if (!this.looks) return
    store.expire(model.nowMs)
    expect(store.size).toBe(KEYS.reduce((sum, key) => sum + liveIn(model, key).size, 0))
  }

  toString(): string {
    return `wait(${this.ms}${this.looks ? ', look' : ''})`
  }
}

class Get implements fc.Command<Model, Real> {
  private readonly key: Address

  constructor(key: Address) {
    this.key = key
  }

  check(): boolean {
    return true
  }

  run(model: Model, { store }: Real): void {
    const found = store.of(this.key, model.nowMs).map(({ record: each, identity, endsAtMs }) => {
      return [identity, { text: textOf(each), version: each.version, endsAtMs, withdrawn: each.withdrawn }] as const
    })
    expect(new Map(found)).toEqual(liveIn(model, this.key))
    expect(found).toHaveLength(liveIn(model, this.key).size)
  }

  toString(): string {
    return `get(${this.key.slice(2, 4)})`
  }
}

test('a store is a map in which each value has a lease, whatever is put, renewed, withdrawn and when', () => {
  const key = fc.constantFrom(...KEYS)
  const common = { key, version: fc.integer({ min: 1, max: 6 }), leftMs: fc.integer({ min: 1, max: 100 }) }
  const text = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f')
  const writer = fc.option(fc.constantFrom(2, 4, 6).map(keyOf), { nil: undefined })
  const puts = fc.record({ ...common, text, writer, withdrawn: fc.boolean() }).map(({ text, withdrawn, ...more }) => {
    const isWithdrawn = withdrawn && more.writer !== undefined
    return new Put(record(isWithdrawn ? '' : text, { ...more, withdrawn: isWithdrawn }))
  })
  const waits = fc.tuple(fc.nat(60), fc.boolean()).map(([ms, looks]) => new Wait(ms, looks))
  const gets = key.map((each) => new Get(each))
  fc.assert(
    fc.property(fc.commands([puts, puts, waits, gets], { maxCommands: 100, size: 'max' }), (commands) => {
      const setup = () => ({ model: { nowMs: 0, keys: new Map() }, real: { store: new DhtStore(LIMITS) } })
      fc.modelRun(setup, commands)
    }),
    { numRuns: 300 },
  )
})
