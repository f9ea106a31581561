import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cleanName, keepChosenName, loadName, MAX_NAME_LENGTH, type NameStorages, randomName } from './person-name.ts'

test('a name shown is short, visible and on one line, whatever came in', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
      const name = cleanName(text)
      if (name === undefined) return
      expect([...name].length).toBeLessThanOrEqual(MAX_NAME_LENGTH)
      expect(name).toMatch(/\S/)
      expect(name).not.toMatch(/[\p{Cc}\p{Cs}\u202A-\u202E\u2066-\u2069]/u)
      expect(cleanName(name)).toBe(name)
    }),
  )
})

test('nothing visible is no name', () => {
  expect(cleanName(' \u202e\u200b\n')).toBeUndefined()
})

test('a made-up name is a usable one', () => {
  for (const value of [0, 0.5, 0.999]) {
    const name = randomName(() => value)
    expect(cleanName(name)).toBe(name)
  }
})

test('a reloaded tab keeps the name that was made up for it, and another tab gets its own', () => {
  const local = fakeStorage()
  const [one, other] = [tab(local), tab(local)]
  const name = loadName(one)
  expect(loadName(one)).toBe(name)
  // Two of 1 500 names are the same now and then, so ask what was kept rather than what was drawn.
  expect(other().madeUp.getItem('overture.name')).toBeNull()
})

test('a chosen name counts in every tab', () => {
  const local = fakeStorage()
  const one = tab(local)
  loadName(one)
  keepChosenName('Ann', one)
  expect(loadName(one)).toBe('Ann')
  expect(loadName(tab(local))).toBe('Ann')
})

test('without storage there is still a name', () => {
  const refused: NameStorages = () => {
    throw new Error('denied')
  }
  keepChosenName('Ann', refused)
  expect(loadName(refused)).toMatch(/^\w+ \w+$/)
})

function tab(local: ReturnType<typeof fakeStorage>): NameStorages {
  const madeUp = fakeStorage()
  return () => ({ chosen: local, madeUp })
}

function fakeStorage() {
  const values = new Map<string, string>()
  return {
    getItem: (key: string) => values.get(key) ?? null,
    setItem: (key: string, value: string) => void values.set(key, value),
  }
}
