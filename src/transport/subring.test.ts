import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { endpointOf } from '../overlay/endpoint.ts'
import type { Channel, ChannelEvents } from '../ports.ts'
import { nameIn, SubringTransport } from './subring.ts'
import { TestOuterRing } from './test-messages.ts'

const NAME = 'c0ffee'.padEnd(40, '0')
const A = 'a'.repeat(40)
const B = `${'b'.repeat(39)}8`
const settle = async () => {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve()
}

type Heard = { channel: Channel; frames: Uint8Array[]; events: string[] }

function heardOn(channel: Channel): Heard {
  const heard: Heard = { channel, frames: [], events: [] }
  const events: ChannelEvents = {
    opened: () => heard.events.push('opened'),
    message: (bytes) => heard.frames.push(bytes),
    writable: () => heard.events.push('writable'),
    closed: (reason) => heard.events.push(`closed: ${reason}`),
  }
  channel.bind(events)
  return heard
}

function setup({ listens = true } = {}) {
  const outer = new TestOuterRing()
  const at = (address: string) =>
    new SubringTransport({ name: NAME, messages: outer.node(address), random: Math.random })
  const [a, b] = [at(A), at(B)]
  const arrived: Heard[] = []
  if (listens) b.listen((channel) => arrived.push(heardOn(channel)))
  const dial = () => heardOn(a.dial(endpointOf('ring', B)))
  return { outer, a, b, arrived, dial }
}

const FRAME_FROM_DIALLER = 128 + 64
const PIECE_FROM_DIALLER = 129 + 64

function messageOf(flags: number, session: number, length: number): Uint8Array {
  const message = new Uint8Array(25 + length)
  message.set([0xc0, 0xff, 0xee])
  message[20] = flags
  message[24] = session
  return message
}

describe('a subring channel', () => {
  test('that nobody listens to at the far end is refused', async () => {
    const { dial, b } = setup({ listens: false })
    const near = dial()
    near.channel.send(Uint8Array.of(1))
    await settle()
    expect(near.events).toEqual(['opened', 'closed: refused'])
    expect(b.dropped.get('nobody listens')).toBe(1)
  })

  test('has a binding that both ends know alike, and no other channel has', async () => {
    const { dial, arrived } = setup()
    const near = [dial(), dial()]
    for (const each of near) each.channel.send(Uint8Array.of(1))
    await settle()
    const text = (binding: Uint8Array | undefined) => new TextDecoder().decode(binding)
    const ours = near.map(({ channel }) => text(channel.binding))
    expect(arrived.map(({ channel }) => text(channel.binding)).sort()).toEqual([...ours].sort())
    expect(new Set(ours).size).toBe(2)
  })

  test('is congested while much has not arrived, and says when it is writable again', async () => {
    const { dial, outer } = setup()
    const near = dial()
    await settle()
    outer.hold()
    for (let count = 0; count < 8; count++) near.channel.send(new Uint8Array(60_000))
    expect(near.channel.congested).toBe(true)
    outer.release()
    await settle()
    expect(near.channel.congested).toBe(false)
    expect(near.events).toContain('writable')
  })

  test('ends when it is given more than it keeps', async () => {
    const { dial, outer } = setup()
    const near = dial()
    await settle()
    outer.hold()
    for (let count = 0; count < 40; count++) near.channel.send(new Uint8Array(60_000))
    await settle()
    expect(near.events).toContain('closed: too much unsent')
  })

  test('is not opened anew by what was still on its way when the far end closed it', async () => {
    const { dial, arrived, b } = setup()
    const near = dial()
    near.channel.send(Uint8Array.of(1))
    await settle()
    arrived[0]?.channel.close('enough')
    near.channel.send(Uint8Array.of(2))
    await settle()
    expect([arrived.length, near.events.at(-1), b.dropped.get('unknown channel')]).toEqual([1, 'closed: refused', 1])
  })

  test('one node may not open more than a few', async () => {
    const { dial, b, arrived, outer } = setup()
    const near = Array.from({ length: 12 }, dial)
    for (const { channel } of near) channel.send(Uint8Array.of(1))
    await settle()
    expect(arrived.length).toBe(8)
    expect(near.filter(({ events }) => events.includes('closed: too many channels'))).toHaveLength(4)
    // Whoever does not keep to it is refused at the far end.
    const far = outer.node(`${'d'.repeat(39)}c`)
    for (let session = 0; session < 12; session++) await far.send(B, messageOf(FRAME_FROM_DIALLER, session, 1))
    await settle()
    expect([arrived.length, b.dropped.get('too many')]).toEqual([16, 4])
  })

  test('a frame in pieces that never ends costs the channel', async () => {
    const { outer, arrived, b } = setup()
    const far = outer.node(`${'d'.repeat(39)}c`)
    const piece = messageOf(PIECE_FROM_DIALLER, 7, 50_000)
    for (let count = 0; count < 3; count++) await far.send(B, piece)
    await settle()
    expect(arrived[0]?.events).toEqual(['closed: frame too large'])
    expect(b.dropped.get('frame too large')).toBe(1)
  })

  test('nothing that a node of the outer ring sends throws', async () => {
    const { outer, b } = setup()
    const far = outer.node(`${'d'.repeat(39)}c`)
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 64 }), async (bytes) => {
        await far.send(B, bytes)
        expect(nameIn(bytes) === undefined).toBe(bytes.length < 25)
      }),
    )
    expect(b.dropped.get('unreadable')).toBeGreaterThan(0)
  })
})
