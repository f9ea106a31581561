import { describe, expect, test } from 'vitest'
import type { Finding, Status } from './finding.ts'
import { SUBJECTS, type Subject } from './observation.ts'
import { verdictOf } from './verdict.ts'

function findings(other: Partial<Record<Subject, Status>>): Finding[] {
  return SUBJECTS.map((about) => ({
    about,
    status: other[about] ?? 'ok',
    seen: '',
    meaning: undefined,
    settings: undefined,
  }))
}

describe('the verdict', () => {
  test('is good where all is well', () => {
    expect(verdictOf(findings({}), false)).toEqual({ ok: true, sentence: 'Pages can meet and talk here.' })
  })

  test('is good without what only makes it better, and names it', () => {
    const { ok, sentence } = verdictOf(findings({ 'stun and turn': 'missing', pace: 'limited' }), false)
    expect(ok).toBe(true)
    expect(sentence).toMatch(/Could be better: pace, stun and turn\.$/)
  })

  test.each(['address', 'websocket', 'ways in', 'sessions', 'relay'] as const)('is bad without %s', (subject) => {
    const { ok, sentence } = verdictOf(findings({ [subject]: 'missing' }), true)
    expect(ok).toBe(false)
    expect(sentence).toContain(`They need: ${subject}.`)
  })

  test('is bad for strangers without rooms', () => {
    expect(verdictOf(findings({ rooms: 'missing' }), false)).toMatchObject({
      ok: false,
      sentence: 'Pages cannot meet here. They need: rooms.',
    })
  })

  test('is good for those who share an account, without rooms', () => {
    expect(verdictOf(findings({ rooms: 'missing' }), true)).toMatchObject({
      ok: true,
      sentence: 'Pages of one account can meet and talk here. Could be better: rooms.',
    })
  })

  test('is bad where nothing could be tried', () => {
    const all = Object.fromEntries(SUBJECTS.map((subject) => [subject, 'not tried'])) as Record<Subject, Status>
    expect(verdictOf(findings(all), true).ok).toBe(false)
  })
})
