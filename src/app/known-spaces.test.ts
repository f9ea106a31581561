import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { forgetSpace, keepSpace, knownSpaces, MAX_KNOWN_SPACES } from './known-spaces.ts'

function storageOf(text: string | null = null) {
  const storage = {
    text,
    getItem: () => storage.text,
    setItem: (_: string, value: string) => {
      storage.text = value
    },
  }
  return () => storage
}

const space = (namespace: string) => ({ namespace, secret: `secret of ${namespace}` })

describe('the spaces of this browser', () => {
  test('are those that were opened, the last in front, each once', () => {
    const storage = storageOf()
    for (const name of ['a', 'b', 'a']) keepSpace(space(name), storage)
    expect(knownSpaces(storage).map(({ name }) => name)).toEqual(['a', 'b'])
    expect(knownSpaces(storage)[0]?.fragment).toContain('secret')
  })

  test('are forgotten when a person says so, and when there are too many', () => {
    const storage = storageOf()
    for (let index = 0; index < MAX_KNOWN_SPACES + 3; index++) keepSpace(space(`s${index}`), storage)
    expect(knownSpaces(storage)).toHaveLength(MAX_KNOWN_SPACES)
    forgetSpace(knownSpaces(storage)[0]?.fragment as string, storage)
    expect(knownSpaces(storage)).toHaveLength(MAX_KNOWN_SPACES - 1)
  })

  test('do without the invitation that led there', () => {
    const storage = storageOf()
    keepSpace({ ...space('a'), invitation: { inviter: 'juliet@example.org', token: 'abc' } }, storage)
    expect(knownSpaces(storage)[0]?.fragment).not.toContain('juliet')
  })

  test('are none where the browser keeps nothing, or something else', () => {
    const refusing = () => {
      throw new Error('refused')
    }
    expect(knownSpaces(refusing)).toEqual([])
    keepSpace(space('a'), refusing)
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        // Whatever is stored, what comes of it leads nowhere but to a fragment of this page.
        for (const { fragment } of knownSpaces(storageOf(text))) expect(fragment[0]).toBe('#')
      }),
    )
  })
})
