import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Candidate, MeetingPlace } from '../ports.ts'
import { addressIn, entryOf, meetingKey, RingLookup } from './ring-lookup.ts'
import { ScriptedClock } from './scripted-stanzas.ts'

const KEY = Uint8Array.from({ length: 32 }, (_, index) => index)
const ME = 'a'.repeat(40)
const OTHER = `${'0b'.repeat(19)}0c`
const settle = async () => {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve()
}

/** Of as many nodes, the same each time. */
function entriesOf(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, index) => entryOf(KEY, (2 * index + 2).toString(16).padStart(40, '0')))
}

class Place implements MeetingPlace {
  address: string | undefined = ME
  entries: Uint8Array[] | undefined = []
  kept = 0
  looks = 0
  wanted: number[] = []
  private listener = () => {}

  onAddress(listener: () => void): () => void {
    this.listener = listener
    return () => {
      this.listener = () => {}
    }
  }

  become(address: string | undefined): void {
    this.address = address
    this.listener()
  }

  keep(): () => void {
    this.kept++
    return () => {
      this.kept--
    }
  }

  async look(_key: Uint8Array, atLeast: number): Promise<Uint8Array[] | undefined> {
    this.looks++
    this.wanted.push(atLeast)
    return this.entries
  }
}

function started(place = new Place(), random = () => 0.5) {
  const clock = new ScriptedClock()
  const lookup = new RingLookup({ place, lookupKey: KEY, clock, random, scheme: 'ring' })
  const seen: Candidate[] = []
  const gone: string[] = []
  lookup.start({ appeared: (each) => seen.push(each), vanished: (endpoint) => gone.push(endpoint) })
  const pass = async (ms: number) => {
    clock.advance(ms)
    await settle()
  }
  return { place, clock, lookup, seen, gone, pass }
}

describe('ring lookup', () => {
  test('what is found there are those who know the key, and not ourselves', async () => {
    const { place, seen, pass, lookup } = started()
    const stranger = entryOf(new Uint8Array(32), OTHER)
    place.entries = [entryOf(KEY, OTHER), entryOf(KEY, ME), stranger, new Uint8Array(3)]
    await pass(0)
    expect(seen).toEqual([{ endpoint: `ring:${OTHER}`, elder: true }])
    expect(lookup.dropped.get('bad-entry')).toBe(2)
  })

  test('who is no longer there has vanished', async () => {
    const { place, gone, pass } = started()
    place.entries = [entryOf(KEY, OTHER)]
    await pass(0)
    place.entries = []
    await pass(200)
    expect(gone).toEqual([`ring:${OTHER}`])
  })

  test('nobody vanishes while nobody answers', async () => {
    const { place, gone, pass } = started()
    place.entries = [entryOf(KEY, OTHER)]
    await pass(0)
    place.entries = undefined
    await pass(200)
    expect(gone).toEqual([])
  })

  test('the first looks ask for enough to be let in by, which may not be all: nobody vanishes for not being among them', async () => {
    const { place, gone, pass } = started()
    place.entries = entriesOf(20)
    await pass(0)
    place.entries = entriesOf(40).slice(20)
    for (let looks = 0; looks < 2; looks++) await pass(1_000)
    expect([place.wanted, gone]).toEqual([[16, 16, 16], []])
    await pass(1_000)
    expect([place.wanted.at(-1), gone.length]).toEqual([256, 20])
  })

  test('of the same crowd different ones are told first to each', async () => {
    const firsts = await Promise.all(
      Array.from({ length: 32 }, async () => {
        const { place, seen, pass } = started(new Place(), Math.random)
        place.entries = entriesOf(30)
        await pass(0)
        return seen[0]?.endpoint
      }),
    )
    expect(new Set(firsts).size).toBeGreaterThan(8)
  })

  test('it looks soon and often while nobody lets us in, and seldom after', async () => {
    const { place, lookup, pass } = started()
    for (let step = 0; step < 100; step++) await pass(100)
    const whileSeeking = place.looks
    lookup.show('shown')
    for (let step = 0; step < 100; step++) await pass(100)
    expect(whileSeeking).toBeGreaterThan(5)
    expect(place.looks - whileSeeking).toBeLessThanOrEqual(2)
  })

  test('it looks at once when a neighbour comes or goes, and once for many', async () => {
    const { place, lookup, pass } = started()
    lookup.show('shown')
    await pass(0)
    const before = place.looks
    for (let count = 0; count < 20; count++) lookup.changed()
    await pass(5_000)
    expect(place.looks).toBe(before + 1)
  })

  test('we are found there while we are to be seen and have a place in the outer ring', () => {
    const { place, lookup } = started()
    expect([place.kept, lookup.isSeen]).toEqual([1, true])
    lookup.show('quiet')
    expect([place.kept, lookup.isSeen]).toEqual([0, false])
    lookup.show('greeter')
    place.become(undefined)
    expect(place.kept).toBe(0)
    place.become(ME)
    expect(place.kept).toBe(1)
    lookup.stop()
    expect([place.kept, lookup.isSeen]).toEqual([0, false])
  })

  test('without a place in the outer ring nobody is looked for', async () => {
    const place = new Place()
    place.address = undefined
    const { pass } = started(place)
    await pass(60_000)
    expect([place.looks, place.kept]).toEqual([0, 0])
  })

  test('the place follows from the key, and is one where a record can lie', () => {
    expect(meetingKey(KEY)).toEqual(meetingKey(KEY.slice()))
    expect(meetingKey(KEY)).not.toEqual(meetingKey(new Uint8Array(32)))
    expect((meetingKey(KEY)[19] as number) & 1).toBe(0)
  })

  test('no entry is read but what its maker has made', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 48 }), fc.nat(35), (noise, index) => {
        expect(addressIn(KEY, noise)).toBeUndefined()
        const entry = entryOf(KEY, OTHER)
        entry[index] = (entry[index] as number) ^ 1
        expect(addressIn(KEY, entry)).toBeUndefined()
      }),
    )
    expect(addressIn(KEY, entryOf(KEY, OTHER))).toBe(OTHER)
  })
})
