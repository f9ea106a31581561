import { describe, expect, test } from 'vitest'
import { nodeAddress } from '../overlay/address.ts'
import type { TunnelInput } from '../overlay/effects.ts'
import { endpointOf } from '../overlay/endpoint.ts'
import { tunnelTo } from '../overlay/tunnel-channels.ts'
import { type Channel, MAX_FRAME_BYTES } from '../ports.ts'
import { MAX_TUNNELLED_BYTES, MAX_UNSENT_BYTES, TunnelTransport } from './tunnel.ts'

const NEAR = nodeAddress(new Uint8Array(20).fill(40))
const FAR = nodeAddress(new Uint8Array(20).fill(90))
const SESSION = 0xfedc_ba98

describe('a tunnel that is dialled', () => {
  test('asks the node once it has been got, and is open when the node says so', () => {
    const { transport, asked, turn } = made()
    const { events } = record(transport.dial(tunnelTo(FAR)))
    expect(asked).toEqual([])
    turn()
    expect(asked).toEqual([{ type: 'tunnel-dial', tunnel: 1, far: FAR }])
    expect(events).toEqual([])
    transport.receive({ type: 'tunnel-opened', tunnel: 1, session: SESSION })
    expect(events).toEqual(['opened'])
  })

  test('gives the node what was sent before, in order and as it was then, when it is open', () => {
    const { transport, asked, turn } = made()
    const { channel } = record(transport.dial(tunnelTo(FAR)))
    const bytes = Uint8Array.of(1)
    channel.send(bytes)
    bytes.fill(2)
    channel.send(bytes, true)
    turn()
    expect(asked).toHaveLength(1)
    transport.receive({ type: 'tunnel-opened', tunnel: 1, session: SESSION })
    channel.send(Uint8Array.of(3))
    expect(asked.slice(1)).toEqual([
      { type: 'tunnel-send', tunnel: 1, bytes: Uint8Array.of(1), bulk: false },
      { type: 'tunnel-send', tunnel: 1, bytes: Uint8Array.of(2), bulk: true },
      { type: 'tunnel-send', tunnel: 1, bytes: Uint8Array.of(3), bulk: false },
    ])
  })

  test('keeps no more than its limit until it is open', () => {
    const { transport, asked, turn } = made()
    const { channel, events } = record(transport.dial(tunnelTo(FAR)))
    turn()
    const half = new Uint8Array(MAX_UNSENT_BYTES / 32)
    for (let sent = 0; sent < 32; sent++) channel.send(half)
    turn()
    expect(events).toEqual([])
    channel.send(Uint8Array.of(1))
    expect(events).toEqual([])
    turn()
    expect(events).toEqual(['closed too much unsent'])
    expect(asked.at(-1)).toEqual({ type: 'tunnel-close', tunnel: 1 })
  })

  test('is closed when nobody can forward, once, and nothing follows', () => {
    const { transport, asked, turn } = made()
    const { channel, events } = record(transport.dial(tunnelTo(FAR)))
    turn()
    for (let time = 0; time < 2; time++) {
      transport.receive({ type: 'tunnel-closed', tunnel: 1, reason: 'nobody to forward' })
    }
    transport.receive({ type: 'tunnel-frame', tunnel: 1, bytes: Uint8Array.of(1) })
    channel.send(Uint8Array.of(2))
    channel.close('too late')
    expect(events).toEqual(['closed nobody to forward'])
    expect(asked).toHaveLength(1)
  })

  test('is not asked for when it is closed again at once', () => {
    const { transport, asked, turn } = made()
    const { channel, events } = record(transport.dial(tunnelTo(FAR)))
    channel.close('second thoughts')
    turn()
    expect(asked.some(({ type }) => type === 'tunnel-dial')).toBe(false)
    expect(events).toEqual([])
  })

  test.each([
    ['what is no address', endpointOf('tunnel', 'nobody'), false, 'closed no such endpoint'],
    ['anybody, once the transport is closed', tunnelTo(FAR), true, 'closed transport closed'],
  ])('does not lead to %s', (_whom, endpoint, isClosed, event) => {
    const { transport, asked, turn } = made()
    if (isClosed) transport.close()
    const { events } = record(transport.dial(endpoint))
    expect(events).toEqual([])
    turn()
    expect(events).toEqual([event])
    expect(asked).toEqual([])
  })
})

describe('a tunnel that arrives', () => {
  test('is open, brings what the node hears, and ends with the word of the far end', () => {
    const { transport, arrived } = made()
    transport.receive({ type: 'tunnel-arrived', tunnel: -1, far: FAR, session: SESSION })
    transport.receive({ type: 'tunnel-frame', tunnel: -1, bytes: Uint8Array.of(7) })
    transport.receive({ type: 'tunnel-closed', tunnel: -1, reason: 'closed by the far end' })
    expect(arrived.map(({ channel, events }) => [channel.endpoint, ...events])).toEqual([
      [tunnelTo(FAR), 'message 7', 'closed closed by the far end'],
    ])
  })

  test('is closed and counted where nobody listens', () => {
    const { transport, asked } = made()
    transport.close()
    transport.receive({ type: 'tunnel-arrived', tunnel: -1, far: FAR, session: SESSION })
    expect(asked).toEqual([{ type: 'tunnel-close', tunnel: -1 }])
    expect(transport.dropped.get('nobody listens')).toBe(1)
  })
})

test('a frame that would not fit with what is put around it ends the tunnel, and not the link beneath', () => {
  const { transport, asked, arrived, turn } = made()
  transport.receive({ type: 'tunnel-arrived', tunnel: -1, far: FAR, session: SESSION })
  const [{ channel, events }] = arrived as [ReturnType<typeof record>]
  channel.send(new Uint8Array(MAX_TUNNELLED_BYTES))
  expect(asked.map(({ type }) => type)).toEqual(['tunnel-send'])
  for (const size of [MAX_TUNNELLED_BYTES + 1, MAX_FRAME_BYTES, 1]) channel.send(new Uint8Array(size))
  expect(events).toEqual([])
  turn()
  expect(asked.map(({ type }) => type)).toEqual(['tunnel-send', 'tunnel-close'])
  expect(events).toEqual(['closed frame too large'])
  expect(transport.dropped.get('frame too large')).toBe(1)
})

test('both ends of an open tunnel have the same to bind to it, and of another tunnel something else', () => {
  const [near, far] = [made(NEAR), made(FAR)]
  const bindings = [SESSION, SESSION + 1].map((session, index) => {
    const { channel } = record(near.transport.dial(tunnelTo(FAR)))
    near.turn()
    expect(channel.binding).toBeUndefined()
    near.transport.receive({ type: 'tunnel-opened', tunnel: index + 1, session })
    far.transport.receive({ type: 'tunnel-arrived', tunnel: -index - 1, far: NEAR, session })
    return [channel.binding, far.arrived[index]?.channel.binding].map((bytes) => new TextDecoder().decode(bytes))
  })
  expect(bindings).toEqual([
    Array(2).fill(`tunnel|${SESSION}|${NEAR}|${FAR}`),
    Array(2).fill(`tunnel|${SESSION + 1}|${NEAR}|${FAR}`),
  ])
})

function made(address = NEAR) {
  const tasks: (() => void)[] = []
  const asked: TunnelInput[] = []
  const arrived: ReturnType<typeof record>[] = []
  const transport = new TunnelTransport(address, { soon: (task) => tasks.push(task) })
  transport.carryBy((input) => asked.push(input))
  transport.listen((channel) => arrived.push(record(channel)))
  const turn = () => {
    for (const task of tasks.splice(0)) task()
  }
  return { transport, asked, arrived, turn }
}

function record(channel: Channel): { channel: Channel; events: string[] } {
  const events: string[] = []
  channel.bind({
    opened: () => events.push('opened'),
    message: (bytes) => events.push(`message ${bytes}`),
    writable: () => events.push('writable'),
    closed: (reason) => events.push(`closed ${reason}`),
  })
  return { channel, events }
}
