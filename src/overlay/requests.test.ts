import { describe, expect, test } from 'vitest'
import { Requests } from './requests.ts'
import { NO_ROLES } from './role.ts'
import { MODERN } from './timer-profile.ts'
import type { Reply } from './wire.ts'

const replyTo = (id: number): Reply => ({
  id,
  endpoints: [],
  status: { roles: NO_ROLES, hidden: false, size: 1, neighbours: [] },
  forwarders: [],
  full: false,
})

function asked(requests: Requests) {
  const sent: number[] = []
  const outcomes: (Reply | undefined)[] = []
  requests.ask(
    0,
    (id) => sent.push(id),
    (reply) => outcomes.push(reply),
  )
  return { sent, outcomes }
}

describe('requests', () => {
  test('are settled by their reply, once', () => {
    const requests = new Requests(MODERN.request, () => undefined)
    const { sent, outcomes } = asked(requests)
    const reply = replyTo(sent[0] as number)
    expect(requests.handleReply(reply)).toBe(true)
    expect(requests.handleReply(reply)).toBe(false)
    expect(outcomes).toEqual([reply])
    expect(requests.deadlineMs).toBeUndefined()
  })

  test('are sent again under the same id, and fail when nobody answers in the end', () => {
    const requests = new Requests(MODERN.request, () => undefined)
    const { sent, outcomes } = asked(requests)
    for (let now = requests.deadlineMs; now !== undefined; now = requests.deadlineMs) requests.wake(now)
    expect(sent.length).toBeGreaterThan(1)
    expect(new Set(sent).size).toBe(1)
    expect(outcomes).toEqual([undefined])
  })

  test('fail at once when too many wait', () => {
    const requests = new Requests(MODERN.request, () => undefined)
    const all = Array.from({ length: 300 }, () => asked(requests))
    expect(all.filter(({ outcomes }) => outcomes.length === 1)).toHaveLength(300 - 256)
  })

  test('that come twice are answered alike for a while', () => {
    const requests = new Requests(MODERN.request, () => undefined)
    const from = 'a'.repeat(40) as never
    requests.remember(from, 7, Uint8Array.of(1, 2), 0)
    expect(requests.earlierAnswer(from, 7, 5_000)).toEqual(Uint8Array.of(1, 2))
    expect(requests.earlierAnswer(from, 8, 5_000)).toBeUndefined()
    expect(requests.earlierAnswer(from, 7, 60_000)).toBeUndefined()
  })

  test('remember a limited number of answers', () => {
    const requests = new Requests(MODERN.request, () => undefined)
    const from = 'a'.repeat(40) as never
    for (let id = 0; id < 1_000; id++) requests.remember(from, id, Uint8Array.of(1), 0)
    expect(requests.earlierAnswer(from, 0, 1)).toBeUndefined()
    expect(requests.earlierAnswer(from, 999, 1)).toBeDefined()
  })
})
