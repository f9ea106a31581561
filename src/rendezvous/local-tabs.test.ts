import fc from 'fast-check'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { type Endpoint, endpointOf } from '../overlay/endpoint.ts'
import type { Candidate } from '../ports.ts'
import { LocalTabs, MAX_TABS, ROLL_CALL_MS } from './local-tabs.ts'
import { ScriptedClock } from './scripted-stanzas.ts'

let tests = 0
let hash = 'c0ffee0'
const tabs: Tab[] = []
const channels: BroadcastChannel[] = []

afterEach(() => {
  for (const tab of tabs.splice(0)) tab.rendezvous.stop()
  for (const channel of channels.splice(0)) channel.close()
  hash = `c0ffee${++tests}`
})

class Tab {
  readonly clock = new ScriptedClock()
  readonly endpoint: Endpoint
  readonly rendezvous: LocalTabs
  readonly seen: Candidate[] = []
  readonly gone: Endpoint[] = []

  constructor(id: string, namespaceHash = hash) {
    this.endpoint = endpointOf('tab', id)
    this.rendezvous = new LocalTabs({ namespaceHash, endpoint: this.endpoint, clock: this.clock })
    this.rendezvous.start({
      appeared: (candidate) => this.seen.push(candidate),
      vanished: (endpoint) => this.gone.push(endpoint),
    })
    tabs.push(this)
  }
}

/** Another script of this origin. */
function stranger(): BroadcastChannel {
  const channel = new BroadcastChannel(`overture tabs ${hash}`)
  channels.push(channel)
  return channel
}

describe('tabs of one browser', () => {
  test('see each other, and only the later has an elder', async () => {
    const first = new Tab('first')
    const second = new Tab('second')
    await vi.waitFor(() => expect(second.seen).toEqual([{ endpoint: 'tab:first', elder: true }]))
    expect(first.seen).toEqual([{ endpoint: 'tab:second', elder: false }])
  })

  test('that come at once both hear hello and answer, and one of them has an elder', async () => {
    const channel = stranger()
    const heard: unknown[] = []
    channel.onmessage = ({ data }) => heard.push(data.type)
    const tab = new Tab('m')
    for (const [endpoint, isElder] of [
      ['tab:a', true],
      ['tab:z', false],
    ] as const) {
      channel.postMessage({ type: 'hello', endpoint })
      channel.postMessage({ type: 'here', endpoint })
      await vi.waitFor(() => expect(tab.seen.at(-1)).toEqual({ endpoint, elder: isElder }))
    }
    expect(tab.seen.map(({ endpoint }) => endpoint)).toEqual(['tab:a', 'tab:a', 'tab:z'])
    expect(heard).toEqual(['hello', 'here', 'here'])
  })

  test('that leave vanish, once', async () => {
    const first = new Tab('first')
    const second = new Tab('second')
    await vi.waitFor(() => expect(first.seen).toHaveLength(1))
    second.rendezvous.stop()
    second.rendezvous.stop()
    await vi.waitFor(() => expect(first.gone).toEqual(['tab:second']))
  })

  test('that crashed vanish after the next hello that they do not answer', async () => {
    const tab = new Tab('first')
    stranger().postMessage({ type: 'hello', endpoint: 'tab:crashed' })
    await vi.waitFor(() => expect(tab.seen).toHaveLength(1))
    tab.clock.advance(ROLL_CALL_MS)
    expect(tab.gone).toEqual([])
    const newcomer = new Tab('newcomer')
    await vi.waitFor(() => expect(tab.seen).toHaveLength(2))
    tab.clock.advance(ROLL_CALL_MS)
    expect(tab.gone).toEqual(['tab:crashed'])
    expect(newcomer.seen.map(({ endpoint }) => endpoint)).toEqual(['tab:first'])
  })

  test('of another namespace are not seen', async () => {
    const first = new Tab('first')
    const other = new Tab('other', `${hash}0`)
    new Tab('second')
    await vi.waitFor(() => expect(first.seen).toHaveLength(1))
    expect(first.seen[0]?.endpoint).toBe('tab:second')
    expect(other.seen).toEqual([])
  })

  test('are as many as a limit allows, and the others are counted', async () => {
    const tab = new Tab('first')
    const channel = stranger()
    for (let i = 0; i < MAX_TABS + 3; i++) channel.postMessage({ type: 'here', endpoint: `tab:${i}` })
    await vi.waitFor(() => expect(tab.rendezvous.dropped.get('too-many-tabs')).toBe(3))
    expect(tab.seen).toHaveLength(MAX_TABS)
  })
})

test('whatever another script says on the channel, nothing is thrown and only endpoints of tabs are shown', async () => {
  const call = fc.oneof(
    fc.anything(),
    fc.record({
      type: fc.oneof(fc.constantFrom('hello', 'here', 'bye'), fc.string()),
      endpoint: fc.oneof(fc.constantFrom('tab:a', 'tab:b', 'tab:first', 'xmpp:a@b/c'), fc.anything()),
    }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(call, { maxLength: 20 }), async (calls) => {
      const tab = new Tab('first', `${hash}.${++tests}`)
      const channel = new BroadcastChannel(`overture tabs ${hash}.${tests}`)
      for (const each of calls) {
        try {
          channel.postMessage(each)
        } catch {
          // It cannot be posted by anybody.
        }
      }
      channel.postMessage({ type: 'here', endpoint: 'tab:last' })
      await vi.waitFor(() => expect(tab.seen.some(({ endpoint }) => endpoint === 'tab:last')).toBe(true))
      channel.close()
      tab.rendezvous.stop()
      for (const { endpoint } of tab.seen) expect(endpoint).toMatch(/^tab:\S+$/)
      expect(tab.seen.some(({ endpoint }) => endpoint === tab.endpoint)).toBe(false)
    }),
    { numRuns: 50 },
  )
})
