import { describe, expect, test } from 'vitest'
import type { DhtRecord } from './dht-record.ts'
import { MAX_PAGE_RECORDS, MAX_VALUES_PER_KEY } from './dht-store.ts'
import { encodeDhtMessage } from './dht-wire.ts'
import { seededRandom } from './seeded-random.ts'
import { type TestDht, TestDhts } from './test-dhts.ts'
import { KEY, keyOf, record } from './test-records.ts'
import { randomAddresses } from './test-ring.ts'

const MINUTE_MS = 60_000
/** What a value under way is sure to lose of its lease. */
const WAY_MS = 1_000
const [WRITER, OTHER] = [keyOf(6), keyOf(8)]

/** Not the root of a key: what it asks goes over the ring. */
function somebody(ring: TestDhts, key = KEY): TestDht {
  return ring.nearestTo(key).at(-1) as TestDht
}

describe('a put', () => {
  test('is found by everybody', () => {
    const ring = new TestDhts(8)
    expect(ring.put(somebody(ring), record('a'))()).toBe('stored')
    for (const node of ring.nodes) expect(ring.get(node, KEY)).toEqual(['a'])
  })

  test('adds to what others have put under the same key', () => {
    const ring = new TestDhts(8)
    for (const [index, text] of ['a', 'b', 'c', 'd'].entries()) ring.put(ring.nodes[index] as TestDht, record(text))
    expect(ring.get(somebody(ring), KEY)).toEqual(['a', 'b', 'c', 'd'])
    expect(ring.get(somebody(ring), keyOf(2))).toEqual([])
  })

  test('of the same value again only renews it', () => {
    const ring = new TestDhts(8)
    ring.put(somebody(ring), record('a'))
    ring.put(ring.nodes[0] as TestDht, record('a', { version: 2 }))
    expect(ring.get(somebody(ring), KEY)).toEqual(['a'])
  })

  test('is there until its lease ends, and no longer', () => {
    const ring = new TestDhts(8)
    ring.put(somebody(ring), record('a', { ms: MINUTE_MS }))
    ring.pass(MINUTE_MS - 4 * WAY_MS)
    expect(ring.get(somebody(ring), KEY)).toEqual(['a'])
    ring.pass(4 * WAY_MS)
    for (const node of ring.nodes) expect(ring.get(node, KEY)).toEqual([])
  })

  test('that is renewed at half of its lease stays', () => {
    const ring = new TestDhts(8)
    for (let version = 1; version < 10; version++) {
      expect(ring.put(somebody(ring), record('a', { version, ms: MINUTE_MS }))()).toBe('stored')
      ring.pass(MINUTE_MS / 2)
      expect(ring.get(somebody(ring), KEY)).toEqual(['a'])
    }
  })

  test('that is asked for twice is done once, and answered twice', () => {
    const ring = new TestDhts(8)
    const root = ring.rootOf(KEY)
    const put = encodeDhtMessage({ kind: 'put', id: 77, create: false, record: record('a') })
    const from = somebody(ring).address
    ring.inject(from, root, put)
    ring.sent = []
    ring.inject(from, root, put)
    expect(ring.sent.map(({ to, message }) => [to, message])).toEqual([
      [from, { kind: 'done', id: 77, outcome: 'stored' }],
    ])
  })

  test('that is asked for again while it is under way is not begun again', () => {
    const ring = new TestDhts(8)
    const put = encodeDhtMessage({ kind: 'put', id: 77, create: false, record: record('a') })
    ring.loses = ({ message }) => message?.kind === 'copy'
    for (let times = 0; times < 3; times++) ring.inject(somebody(ring).address, ring.rootOf(KEY), put)
    expect(ring.sent.filter(({ message }) => message?.kind === 'copy')).toHaveLength(2)
    expect(ring.sent.filter(({ message }) => message?.kind === 'done')).toEqual([])
  })

  test('is sent again when it was lost, with what is left of its lease by then', () => {
    const ring = new TestDhts(8)
    ring.loses = ({ message }) => message?.kind === 'put'
    const outcome = ring.put(somebody(ring), record('a', { ms: MINUTE_MS }))
    ring.loses = () => false
    expect(outcome()).toBeUndefined()
    ring.pass(1_000)
    expect(outcome()).toBe('stored')
    const puts = ring.sent.flatMap(({ message }) => (message?.kind === 'put' ? [message.record.leftMs] : []))
    expect(puts).toEqual([MINUTE_MS - WAY_MS, MINUTE_MS - 1_000 - WAY_MS])
  })

  test('that was slow and is asked for again has no longer a lease than was asked for', () => {
    const ring = new TestDhts(8)
    const startMs = ring.nowMs
    // Whatever is sent within the first seconds comes at the end of them, as behind a packet that was lost.
    ring.delays = ({ message }) => (message?.kind === 'put' ? Math.max(100, startMs + 2_900 - ring.nowMs) : 0)
    ring.put(somebody(ring), record('a', { ms: MINUTE_MS }))
    ring.pass(20_000)
    const [stored] = ring.rootOf(KEY).dht.store.of(KEY, ring.nowMs)
    expect(stored?.endsAtMs).toBeLessThanOrEqual(startMs + MINUTE_MS)
  })

  test('fails when nobody answers', () => {
    const ring = new TestDhts(8)
    ring.loses = () => true
    const outcome = ring.put(somebody(ring), record('a'))
    ring.pass(MINUTE_MS)
    expect(outcome()).toBe('unreachable')
    const page = ring.getPage(somebody(ring), KEY)
    ring.pass(MINUTE_MS)
    expect(page()).toEqual({ records: undefined, more: false })
  })
})

describe('a put that is to create', () => {
  test('is refused where another value is, by whomever', () => {
    const ring = new TestDhts(8)
    ring.put(ring.nodes[0] as TestDht, record('a'))
    expect(ring.put(somebody(ring), record('b'), true)()).toBe('taken')
    expect(ring.put(somebody(ring), record('a', { writer: WRITER }), true)()).toBe('taken')
    expect(ring.get(somebody(ring), KEY)).toEqual(['a'])
  })

  test('is accepted where the same value is, or nothing', () => {
    const ring = new TestDhts(8)
    expect(ring.put(somebody(ring), record('a'), true)()).toBe('stored')
    expect(ring.put(somebody(ring), record('a', { version: 2 }), true)()).toBe('stored')
  })

  test('is accepted from the writer of what is bound there, whatever it says now', () => {
    const ring = new TestDhts(8)
    ring.put(somebody(ring), record('a', { writer: WRITER }), true)
    expect(ring.put(somebody(ring), record('b', { writer: WRITER, version: 2 }), true)()).toBe('stored')
    expect(ring.put(somebody(ring), record('c', { writer: OTHER, version: 3 }), true)()).toBe('taken')
  })

  test('is accepted where what was there is over or withdrawn', () => {
    const ring = new TestDhts(8)
    ring.put(somebody(ring), record('a', { ms: 10_000 }))
    ring.put(somebody(ring), record('', { writer: WRITER, withdrawn: true }))
    ring.pass(10_000)
    expect(ring.put(somebody(ring), record('b'), true)()).toBe('stored')
  })

  test('is refused by a root that has just come and knows of nothing yet', () => {
    const ring = new TestDhts(8)
    ring.put(somebody(ring), record('a'))
    ring.loses = ({ message }) => message?.kind === 'copy'
    ring.add(KEY)
    expect(ring.put(somebody(ring), record('b'), true)()).toBe('taken')
  })
})

describe('a get', () => {
  test('gives more than a page in pages, each value once', () => {
    const ring = new TestDhts(8)
    const texts = Array.from({ length: 3 * MAX_PAGE_RECORDS + 5 }, (_, number) => `${number}`)
    for (const text of texts) ring.put(somebody(ring), record(text))
    const first = ring.getPage(somebody(ring), KEY)()
    expect(first?.records).toHaveLength(MAX_PAGE_RECORDS)
    expect(first?.more).toBe(true)
    expect(ring.get(somebody(ring), KEY)).toEqual(texts.sort())
  })

  test('gives no page that is larger than a frame may be, though values be large', () => {
    const ring = new TestDhts(4)
    const large = (number: number) => record('', { value: new Uint8Array(16_000).fill(number) })
    for (let number = 0; number < 9; number++) ring.put(somebody(ring), large(number))
    expect(ring.get(somebody(ring), KEY)).toHaveLength(9)
    expect(Math.max(...ring.sent.map(({ payload }) => payload.length))).toBeLessThan(40_000)
  })

  test('from a root that has just come is answered by what others know', () => {
    const ring = new TestDhts(8)
    ring.put(somebody(ring), record('a'))
    ring.loses = ({ message }) => message?.kind === 'copy'
    const newcomer = ring.add(KEY)
    expect(ring.get(somebody(ring), KEY)).toEqual(['a'])
    expect(newcomer.dht.store.size).toBe(1)
  })

  test('is answered by a root whose neighbours have been the same for long without asking them', () => {
    const ring = new TestDhts(8)
    ring.put(somebody(ring), record('a', { ms: 10 * MINUTE_MS }))
    ring.pass(2 * MINUTE_MS)
    ring.sent = []
    expect(ring.get(somebody(ring), KEY)).toEqual(['a'])
    expect(ring.sent.map(({ message }) => message?.kind)).toEqual(['get', 'values'])
  })

  test('does not take time off a lease each time that it consults others', () => {
    const ring = new TestDhts(8)
    ring.put(somebody(ring), record('a', { ms: MINUTE_MS }))
    const ends = () => ring.holders(KEY).map(({ dht }) => [...dht.store.all()][0]?.endsAtMs)
    const before = ends()
    for (let times = 0; times < 20; times++) for (const node of ring.nodes) ring.get(node, KEY)
    expect(ends()).toEqual(before)
  })
})

describe('a ring of', () => {
  test('one holds what it puts itself, and gives it to who comes', () => {
    const ring = new TestDhts(1)
    const [only] = ring.nodes as [TestDht]
    expect(ring.put(only, record('a'))()).toBe('stored')
    expect(ring.get(only, KEY)).toEqual(['a'])
    expect(ring.sent).toEqual([])
    const newcomer = ring.add(keyOf(200))
    ring.pass(1_000)
    expect(newcomer.dht.store.size).toBe(1)
  })

  test('two holds everything twice, and one alone has it all when the other is gone', () => {
    const ring = new TestDhts(2)
    const [a, b] = ring.nodes as [TestDht, TestDht]
    for (let number = 0; number < 9; number++) ring.put(a, record(`${number}`, { key: keyOf(2 * number) }))
    expect([a.dht.store.size, b.dht.store.size]).toEqual([9, 9])
    ring.kill(a)
    for (let number = 0; number < 9; number++) expect(ring.get(b, keyOf(2 * number))).toEqual([`${number}`])
  })
})

describe('who has links and no ring yet', () => {
  const joining = () => {
    const ring = new TestDhts(3)
    const node = somebody(ring)
    node.dht.review(false)
    return { ring, node }
  }

  test('waits for one', () => {
    const { ring, node } = joining()
    const [outcome, page] = [ring.put(node, record('a')), ring.getPage(node, KEY)]
    ring.pass(5_000)
    expect([outcome(), page()]).toEqual([undefined, undefined])
    ring.review()
    expect(outcome()).toBe('stored')
    expect(page()?.records).toHaveLength(1)
  })

  test('does not wait for ever', () => {
    const { ring, node } = joining()
    const [outcome, page] = [ring.put(node, record('a')), ring.getPage(node, KEY)]
    ring.pass(MINUTE_MS)
    expect(outcome()).toBe('unreachable')
    expect(page()).toEqual({ records: undefined, more: false })
  })

  test('refuses more than may wait, and counts it', () => {
    const { ring, node } = joining()
    const outcomes = Array.from({ length: 70 }, (_, number) => ring.put(node, record(`${number}`)))
    expect(outcomes.filter((outcome) => outcome() === 'unreachable')).toHaveLength(6)
    expect(node.counts.get('dht: too many waiting')).toBe(6)
    ring.review()
    ring.pass(1_000)
    expect(outcomes.filter((outcome) => outcome() === 'stored')).toHaveLength(64)
  })
})

test('more of our own at once than may be asked for wait for their turn', () => {
  const ring = new TestDhts(8)
  const node = somebody(ring)
  ring.loses = ({ message }) => message?.kind === 'put'
  const outcomes = Array.from({ length: 150 }, (_, number) => ring.put(node, record(`${number}`)))
  expect(ring.sent).toHaveLength(96)
  ring.loses = () => false
  ring.pass(3_000)
  expect(outcomes.filter((outcome) => outcome() === 'stored')).toHaveLength(150)
})

describe('what is bound to a writer', () => {
  const proves = ({ bound }: DhtRecord) => bound?.proof[0] === 1
  const forged = { bound: { writer: WRITER, proof: Uint8Array.of(2) } }
  const put = (ring: TestDhts, text: string, more: Parameters<typeof record>[1]) => {
    return ring.put(somebody(ring), record(text, more))()
  }

  test('is refused and counted where its proof is not good', () => {
    const ring = new TestDhts(8, { proves })
    expect(put(ring, 'a', forged)).toBe('not-proved')
    expect(ring.holders(KEY)).toEqual([])
    expect(ring.rootOf(KEY).counts.get('dht: not proved')).toBe(1)
  })

  test('is stored where it is, and free values are stored without one', () => {
    const ring = new TestDhts(8, { proves })
    expect([put(ring, 'a', { writer: WRITER }), put(ring, 'b', {})]).toEqual(['stored', 'stored'])
    expect(ring.get(somebody(ring), KEY)).toEqual(['a', 'b'])
  })

  test('is neither replaced nor withdrawn by another', () => {
    const ring = new TestDhts(8, { proves })
    put(ring, 'a', { writer: WRITER })
    expect(put(ring, 'b', { ...forged, version: 2 })).toBe('not-proved')
    expect(put(ring, '', { ...forged, version: 2, withdrawn: true })).toBe('not-proved')
    expect(put(ring, '', { writer: OTHER, version: 2, withdrawn: true })).toBe('stored')
    expect(ring.get(somebody(ring), KEY)).toEqual(['a'])
  })

  test('is not kept from a copy whose proof is not good, and what else is in it is', () => {
    const ring = new TestDhts(8, { proves })
    const records = [record('a', forged), record('b')]
    ring.inject(OTHER, ring.rootOf(KEY), encodeDhtMessage({ kind: 'copy', id: 5, records }))
    expect(ring.get(somebody(ring), KEY)).toEqual(['b'])
    expect(ring.sent.find(({ to }) => to === OTHER)?.message).toEqual({ kind: 'done', id: 5, outcome: 'not-proved' })
  })

  test('whose proof nobody looks at is not kept, and keeps no place for ever', () => {
    const ring = new TestDhts(1, { proves: () => undefined })
    const outcome = ring.put(ring.nodes[0] as TestDht, record('a', { writer: WRITER }))
    expect(outcome()).toBeUndefined()
    ring.pass(60_000)
    expect(outcome()).toBe('not-proved')
  })

  test('is replaced by a later version, and an older one is refused', () => {
    const ring = new TestDhts(8)
    expect(put(ring, 'b', { writer: WRITER, version: 2 })).toBe('stored')
    expect(put(ring, 'a', { writer: WRITER, version: 1 })).toBe('older')
    expect(put(ring, 'c', { writer: WRITER, version: 3 })).toBe('stored')
    expect(ring.get(somebody(ring), KEY)).toEqual(['c'])
  })

  test('is withdrawn by its writer, everywhere, and no copy brings it back', () => {
    const ring = new TestDhts(8)
    put(ring, 'a', { writer: WRITER, version: 1 })
    expect(put(ring, '', { writer: WRITER, version: 2, withdrawn: true })).toBe('stored')
    ring.inject(
      OTHER,
      ring.rootOf(KEY),
      encodeDhtMessage({ kind: 'copy', id: 5, records: [record('a', { writer: WRITER })] }),
    )
    ring.pass(20_000)
    for (const node of ring.nodes) expect(ring.get(node, KEY)).toEqual([])
  })
})

describe('a node', () => {
  test('that holds all values of a key that it may says so', () => {
    const ring = new TestDhts(4)
    for (let number = 0; number < MAX_VALUES_PER_KEY; number++) ring.put(somebody(ring), record(`${number}`))
    expect(ring.put(somebody(ring), record('one more'))()).toBe('too-many-values')
    expect(ring.put(somebody(ring), record('0', { version: 2 }))()).toBe('stored')
  })

  test('that is full says so', () => {
    const ring = new TestDhts(1)
    const [only] = ring.nodes as [TestDht]
    const keys = randomAddresses(20, seededRandom(1))
    let outcome: unknown
    for (let number = 0; outcome !== 'full' && number < 5_000; number++) {
      outcome = ring.put(only, record(`${number}`, { key: keys[number % 20] as typeof KEY }))()
    }
    expect(outcome).toBe('full')
    expect(only.dht.store.size).toBe(4_096)
  })

  test('takes no more than a share from one that puts, and says so', () => {
    const ring = new TestDhts(2)
    const [a, b] = ring.nodes as [TestDht, TestDht]
    const keys = randomAddresses(2_000, seededRandom(1)).filter((key) => ring.rootOf(key) === a)
    const outcomes = new Set<unknown>()
    for (let number = 0; number < 2_500; number++) {
      outcomes.add(ring.put(b, record(`${number}`, { key: keys[number % keys.length] as typeof KEY }))())
    }
    expect(outcomes).toEqual(new Set(['stored', 'share-used-up']))
    // As it is two who hold each record, half of a half.
    expect(a.dht.store.size).toBe(1_024)
  })

  test('does not take what is put at it for a key that lies elsewhere, nor copies of that', () => {
    const ring = new TestDhts(12)
    const [far, from] = ring.nearestTo(KEY).slice(-2) as [TestDht, TestDht]
    const put = { kind: 'put', id: 1, create: false, record: record('a') } as const
    ring.inject(from.address, far, encodeDhtMessage(put))
    const mine = record('b', { key: far.address })
    ring.inject(from.address, far, encodeDhtMessage({ kind: 'copy', id: 2, records: [record('a'), mine] }))
    expect([...far.dht.store.all()].map(({ key }) => key)).toEqual([far.address])
    expect(far.counts.get('dht: elsewhere')).toBe(2)
    expect(ring.sent.map(({ message }) => message)).toContainEqual({ kind: 'done', id: 2, outcome: 'elsewhere' })
  })

  test('counts what it cannot read, and answers nothing', () => {
    const ring = new TestDhts(2)
    const [a, b] = ring.nodes as [TestDht, TestDht]
    ring.inject(b.address, a, Uint8Array.of(99, 1, 2))
    expect(a.counts.get('dht: unreadable')).toBe(1)
    expect(ring.sent).toEqual([])
  })

  test('counts an answer to nothing', () => {
    const ring = new TestDhts(2)
    const [a, b] = ring.nodes as [TestDht, TestDht]
    ring.inject(b.address, a, encodeDhtMessage({ kind: 'done', id: 9, outcome: 'stored' }))
    expect(a.counts.get('dht: reply to nothing')).toBe(1)
  })
})
