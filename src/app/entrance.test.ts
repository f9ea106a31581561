import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { OvertureError } from '../overture-error.ts'
import type { Ring } from '../peer/ring.ts'
import { Entrance, type XmppOptions } from './entrance.ts'
import { FakeWorld } from './ring-fake.ts'

const xmpp = { service: 'ws://localhost/xmpp-websocket' }
const down = OvertureError.serverUnreachable(xmpp.service)

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

test('it keeps trying while trying can help, and gets in by itself', async () => {
  const ring = new FakeWorld().add(0)
  const join = vi
    .fn<() => Promise<Ring>>()
    .mockRejectedValueOnce(down)
    .mockRejectedValueOnce(down)
    .mockResolvedValue(ring)
  const entrance = new Entrance(join, xmpp, () => {})
  entrance.start()
  expect(entrance.state).toEqual({ name: 'signing-in', attempt: 0 })
  await vi.advanceTimersByTimeAsync(0)
  expect(entrance.state).toMatchObject({ name: 'waiting', error: down })
  await vi.runAllTimersAsync()
  expect(entrance.state).toEqual({ name: 'inside', ring })
  expect(join).toHaveBeenCalledTimes(3)
})

test('it waits longer each time, up to a limit', async () => {
  const waits: number[] = []
  const entrance: Entrance = new Entrance(
    () => Promise.reject(down),
    xmpp,
    () => {
      if (entrance.state.name === 'waiting') waits.push(entrance.state.retryAtMs - Date.now())
    },
  )
  entrance.start()
  await vi.advanceTimersByTimeAsync(200_000)
  entrance.close()
  for (const [index, wait] of waits.entries()) {
    const longest = Math.min(1_000 * 2 ** index, 30_000)
    expect(wait).toBeLessThanOrEqual(longest)
    expect(wait).toBeGreaterThanOrEqual(0.7 * longest - 1)
  }
  expect(waits.length).toBeGreaterThan(6)
})

test('it does not try again by itself where trying cannot help', async () => {
  const refused = OvertureError.wrongPassword('me@localhost')
  const join = vi.fn<() => Promise<Ring>>().mockRejectedValue(refused)
  const entrance = new Entrance(join, xmpp, () => {})
  entrance.start()
  await vi.runAllTimersAsync()
  expect(entrance.state).toEqual({ name: 'refused', error: refused })
  expect(join).toHaveBeenCalledTimes(1)
})

test('“try now” does not wait for the countdown', async () => {
  const join = vi.fn<() => Promise<Ring>>().mockRejectedValue(down)
  const entrance = new Entrance(join, xmpp, () => {})
  entrance.start()
  await vi.advanceTimersByTimeAsync(0)
  entrance.tryNow()
  expect(entrance.state.name).toBe('signing-in')
  expect(join).toHaveBeenCalledTimes(2)
  entrance.close()
})

test('another account is tried at once, and an answer for the first is let go of', async () => {
  const world = new FakeWorld()
  const [first, second] = [world.add(0), world.add(0.5)]
  const answers: ((ring: Ring) => void)[] = []
  const asked: XmppOptions[] = []
  const join = (options: XmppOptions) => {
    asked.push(options)
    return new Promise<Ring>((resolve) => answers.push(resolve))
  }
  const entrance = new Entrance(join, xmpp, () => {})
  entrance.start()
  entrance.use({ ...xmpp, jid: 'me@localhost', password: 'x' })
  answers[1]?.(second)
  answers[0]?.(first)
  await vi.advanceTimersByTimeAsync(0)
  expect(asked[1]).toMatchObject({ jid: 'me@localhost' })
  expect(entrance.state).toEqual({ name: 'inside', ring: second })
  expect(first.left).toBe(true)
})

test('a ring that arrives after closing is left', async () => {
  const ring = new FakeWorld().add(0)
  const entrance = new Entrance(
    () => Promise.resolve(ring),
    xmpp,
    () => {},
  )
  entrance.start()
  entrance.close()
  await vi.advanceTimersByTimeAsync(0)
  expect(ring.left).toBe(true)
  expect(entrance.state.name).toBe('closed')
})

test('another tab of this browser lets it in without the service, and the wait for one ends with the wait', async () => {
  const ring = new FakeWorld().add(0)
  const join = vi.fn((_: XmppOptions, { serviceMayBeAway }: { serviceMayBeAway: boolean }) =>
    serviceMayBeAway ? Promise.resolve<Ring>(ring) : Promise.reject(down),
  )
  const leave = vi.fn()
  let met = () => {}
  const lobby = vi.fn((whenMet: () => void) => {
    met = whenMet
    return leave
  })
  const entrance = new Entrance(join, xmpp, () => {}, lobby)
  entrance.start()
  await vi.advanceTimersByTimeAsync(0)
  expect(lobby).toHaveBeenCalledTimes(1)
  expect(leave).not.toHaveBeenCalled()
  entrance.tryNow()
  expect(leave).toHaveBeenCalledTimes(1)
  await vi.advanceTimersByTimeAsync(0)
  expect(entrance.state.name).toBe('waiting')
  met()
  expect(leave).toHaveBeenCalledTimes(2)
  await vi.advanceTimersByTimeAsync(0)
  expect(entrance.state).toEqual({ name: 'inside', ring })
})

test('nobody is waited for who closes the page', async () => {
  const leave = vi.fn()
  const entrance = new Entrance(
    () => Promise.reject(down),
    xmpp,
    () => {},
    () => leave,
  )
  entrance.start()
  await vi.advanceTimersByTimeAsync(0)
  entrance.close()
  expect(leave).toHaveBeenCalledTimes(1)
})
