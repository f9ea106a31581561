import fc from 'fast-check'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { endpointOf, targetOf } from '../overlay/endpoint.ts'
import type { Channel, ChannelEvents } from '../ports.ts'
import { timerClock } from '../xmpp/stanza-exchange.ts'
import { LocalTabTransport } from './local-tab.ts'

const transports: LocalTabTransport[] = []

afterEach(() => {
  for (const transport of transports.splice(0)) transport.close()
})

function tab(): LocalTabTransport {
  const transport = new LocalTabTransport(timerClock, Math.random)
  transports.push(transport)
  return transport
}

function listener(): ChannelEvents & { heard: string[] } {
  const heard: string[] = []
  return {
    heard,
    opened: () => heard.push('opened'),
    message: (bytes) => heard.push(`message of ${bytes.byteLength}`),
    writable: () => heard.push('writable'),
    closed: (reason) => heard.push(`closed: ${reason}`),
  }
}

/** What is said at somebody's door or on a path by another script of this origin. */
function say(name: string, ...messages: unknown[]): void {
  const channel = new BroadcastChannel(name)
  for (const message of messages) {
    try {
      channel.postMessage(message)
    } catch {
      // It cannot be posted by anybody.
    }
  }
  channel.close()
}

describe('a tab that another script of the origin knocks at', () => {
  test('opens as many channels as a limit allows, and counts the others', async () => {
    const transport = tab()
    const arrived: Channel[] = []
    transport.listen((channel) => {
      arrived.push(channel)
      channel.bind(listener())
    })
    const letters = 'abcdefghijklmnop'
    const path = (number: number) =>
      [...number.toString(16).padStart(16, '0')].map((digit) => letters[Number.parseInt(digit, 16)]).join('')
    const knocks = Array.from({ length: 300 }, (_, number) => ({ from: 'a'.repeat(16), path: path(number) }))
    say(`overture tab ${targetOf(transport.endpoint)}`, ...knocks)
    await vi.waitFor(() => expect(transport.dropped.get('too many channels')).toBe(44))
    expect(arrived).toHaveLength(256)
  })

  test('hears nothing and throws nothing for what is no knock', async () => {
    const transport = tab()
    const arrived: Channel[] = []
    transport.listen((channel) => {
      arrived.push(channel)
      channel.bind(listener())
    })
    const knock = fc.oneof(fc.anything(), fc.record({ from: fc.anything(), path: fc.anything() }))
    const door = `overture tab ${targetOf(transport.endpoint)}`
    for (const knocks of fc.sample(fc.array(knock, { maxLength: 20 }), 50)) say(door, ...knocks)
    say(door, { from: 'a'.repeat(16), path: 'b'.repeat(16) })
    await vi.waitFor(() => expect(arrived).toHaveLength(1))
    expect(arrived[0]?.endpoint).toBe(endpointOf('tab', 'a'.repeat(16)))
  })

  test('drops and counts what is no message of a path, and the channel goes on', async () => {
    const transport = tab()
    const events = listener()
    transport.listen((channel) => channel.bind(events))
    say(`overture tab ${targetOf(transport.endpoint)}`, { from: 'a'.repeat(16), path: 'b'.repeat(16) })
    const path = 'overture path bbbbbbbbbbbbbbbb'
    const number = fc.oneof(fc.double(), fc.integer(), fc.bigInt())
    const message = fc.oneof(
      fc.anything(),
      fc.record({
        type: fc.constantFrom('open', 'frame', 'taken', 'x'),
        bytes: fc.anything(),
        byteCount: number,
      }),
    )
    const messages = fc.sample(message, 500).filter((each) => {
      const type = (each as { type?: unknown } | null | undefined)?.type
      return type !== 'bye'
    })
    await vi.waitFor(() => {
      say(path, ...messages, { type: 'frame', bytes: new Uint8Array(3) })
      expect(events.heard).toContain('message of 3')
    })
    expect(transport.dropped.get('malformed')).toBeGreaterThan(0)
    expect(transport.dropped.get('opened again')).toBeGreaterThan(0)
    expect(events.heard.some((event) => event.startsWith('closed'))).toBe(false)
  })
})
