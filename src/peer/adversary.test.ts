/**
 * Who is kept out, and what can those do who carry a ring's frames? Peers in Node on the embedded service, whose links it
 * relays, and strangers who know all that the service knows.
 */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { nodeAddress } from '../overlay/address.ts'
import { endpointOf } from '../overlay/endpoint.ts'
import { Node } from '../overlay/node.ts'
import { seededRandom } from '../overlay/seeded-random.ts'
import { encodeFrame, WIRE_VERSION } from '../overlay/wire.ts'
import type { Channel } from '../ports.ts'
import { resourceOf } from '../rendezvous/resource.ts'
import { identityOf } from '../security/identity.ts'
import { namespaceKeys } from '../security/namespace-keys.ts'
import type { Meddle } from '../service/router.ts'
import { createXmppService, type XmppService } from '../service/xmpp-service.ts'
import { RELAY_XMLNS } from '../transport/relay-xml.ts'
import { SecureTransport } from '../transport/secure-transport.ts'
import { XmppRelay } from '../transport/xmpp-relay.ts'
import { memoryStorage } from '../xmpp/memory-storage.ts'
import { installNodeWebSocket } from '../xmpp/node-websocket.ts'
import { realClock } from '../xmpp/real-clock.ts'
import { XmppSession } from '../xmpp/session.ts'
import { Driver } from './driver.ts'
import { join } from './join.ts'
import type { Ring } from './ring.ts'

const NAMESPACE = 'let in/1'
const SECRET = 'k3Vd0tBzTq9yWm2HxLrE5g'
const PATIENCE = { timeout: 20_000, interval: 20 }
const bytes = (text: string) => new TextEncoder().encode(text)
const text = (data: Uint8Array) => new TextDecoder().decode(data)

let service: XmppService
let url: string
let meddle: Meddle
const rings: Ring[] = []
const undo: (() => unknown)[] = []

beforeEach(async () => {
  installNodeWebSocket()
  meddle = (stanza) => stanza
  service = createXmppService({ meddle: (stanza) => meddle(stanza) })
  url = (await service.listen()).url
})
afterEach(async () => {
  await Promise.all(rings.splice(0).map((ring) => ring.leave()))
  await Promise.all(undo.splice(0).map((each) => each()))
  await service.close()
})

async function member(): Promise<Ring> {
  const ring = await join({ namespace: NAMESPACE, secret: SECRET, xmpp: { service: url }, storage: memoryStorage() })
  rings.push(ring)
  return ring
}

/** Signs in as a member would, which anybody can who has seen one. */
async function stranger(): Promise<XmppSession> {
  const { hash } = await namespaceKeys(NAMESPACE, SECRET)
  const resource = resourceOf(hash, Math.random)
  const session = new XmppSession({ service: url, resource, storage: memoryStorage(), random: Math.random })
  undo.push(() => session.stop())
  await session.start()
  return session
}

function jidOf(ring: Ring): string {
  const { service: state } = ring.snapshot()
  if (state.name !== 'online') throw new Error('The member is not signed in.')
  return state.jid
}

async function expectCounted(ring: Ring, counter: string): Promise<void> {
  await vi.waitFor(() => expect(ring.snapshot().counters).toHaveProperty([counter]), PATIENCE)
}

/** Dials a member, and says how it ended; `opened` if it did not. */
function endOf(channel: Channel, frame?: Uint8Array): Promise<string> {
  return new Promise((resolve) => {
    channel.bind({ opened: () => {}, message: () => resolve('answered'), writable: () => {}, closed: resolve })
    if (frame) channel.send(frame)
  })
}

async function twoMembers(): Promise<[Ring, Ring]> {
  const both: [Ring, Ring] = [await member(), await member()]
  await vi.waitFor(() => expect(both.map(({ peers }) => peers.size)).toEqual([1, 1]), PATIENCE)
  return both
}

describe('a stranger who knows the room', () => {
  test('but not the secret stays outside, and is told why', async () => {
    const ring = await member()
    const { hash } = await namespaceKeys(NAMESPACE, SECRET)
    const { psk } = await namespaceKeys(NAMESPACE, 'Zp7sQwJ1nC-uXa4_GfK8oA')
    const { keyPair } = await identityOf(new Uint8Array(32).fill(1))
    const raw = new XmppRelay(await stranger(), realClock, Math.random)
    const facts = { keyPair, psk, namespaceHash: hash, clock: realClock, acceptance: () => new Uint8Array(0) }
    const relay = new SecureTransport(raw, facts)
    expect(await endOf(relay.dial(endpointOf('xmpp', jidOf(ring))))).toBe('wrong-secret')
    await expectCounted(ring, 'xmpp proof: wrong-secret')
    expect(ring.peers.size).toBe(0)
  })

  test('and proves nothing gets no answer to what it says', async () => {
    const ring = await member()
    const { hash } = await namespaceKeys(NAMESPACE, SECRET)
    const relay = new XmppRelay(await stranger(), realClock, Math.random)
    const start = encodeFrame({
      type: 'start',
      version: WIRE_VERSION,
      namespace: hash,
      attempt: 1,
      incarnation: 1,
      from: nodeAddress(new Uint8Array(20).fill(2)),
      to: undefined,
      endpoints: [],
      status: { roles: 0 as never, hidden: false, size: 1, neighbours: [] },
    })
    expect(await endOf(relay.dial(endpointOf('xmpp', jidOf(ring))), start)).not.toBe('answered')
    await expectCounted(ring, 'xmpp proof: not a handshake')
    expect(ring.peers.size).toBe(0)
  })
})

test('a member that claims another’s address is refused', async () => {
  const ring = await member()
  const { hash, psk } = await namespaceKeys(NAMESPACE, SECRET)
  const { keyPair } = await identityOf(new Uint8Array(32).fill(1))
  const anothers = nodeAddress(new Uint8Array(20).fill(2))
  const raw = new XmppRelay(await stranger(), realClock, Math.random)
  const node = new Node(
    { address: anothers, incarnation: 1, namespace: hash, transports: [{ scheme: 'xmpp', kind: 'relay' }] },
    seededRandom(1),
  )
  const ignore = () => {}
  const driver = new Driver(node, realClock, {
    deliver: ignore,
    peer: ignore,
    state: ignore,
    signalled: ignore,
    tunnelled: ignore,
    isolated: ignore,
    visibility: ignore,
  })
  undo.push(() => driver.leave())
  const facts = { keyPair, psk, namespaceHash: hash, clock: realClock, acceptance: () => node.acceptance() }
  driver.addTransport(new SecureTransport(raw, facts))
  driver.give({ type: 'candidate-appeared', endpoint: endpointOf('xmpp', jidOf(ring)), elder: true })
  await expectCounted(ring, 'link: refused, forged-address')
  expect(ring.peers.size).toBe(0)
})

describe('a service that relays two members’ frames', () => {
  /** What it does to the third frame it carries from now on, and to no other. */
  function meddleWithOne(change: (base64: string) => string): void {
    let count = 0
    meddle = (stanza) => {
      const data = stanza.getChild('data', RELAY_XMLNS)
      if (!data || stanza.attrs.type !== 'set' || ++count !== 3) return stanza
      data.children = [change(data.text())]
      return stanza
    }
  }

  test('sees nothing of what they say', async () => {
    const carried: string[] = []
    meddle = (stanza) => {
      const data = stanza.getChild('data', RELAY_XMLNS)?.text() ?? ''
      carried.push(stanza.toString(), atob(data))
      return stanza
    }
    const [first, second] = await twoMembers()
    const heard: string[] = []
    second.on('message', ({ data }) => heard.push(text(data)))
    await first.send(second.address, bytes('for your eyes only'))
    await vi.waitFor(() => expect(heard).toEqual(['for your eyes only']))
    expect(carried.length).toBeGreaterThan(10)
    for (const each of carried) expect(each).not.toContain('for your eyes')
  })

  test.each([
    ['changes one', (base64: string) => flipped(base64), /proof: frame forged/],
    ['cuts one', (base64: string) => btoa(atob(base64).slice(0, 12)), /proof: frame|relay: |too large/],
  ])('that %s ends a link and changes nothing that they hear', async (_, change, counter) => {
    const [first, second] = await twoMembers()
    const heard: string[] = []
    second.on('message', ({ data }) => heard.push(text(data)))
    meddleWithOne(change)
    for (let number = 0; number < 10; number++) {
      await vi.waitFor(() => first.send(second.address, bytes(`${number}`)), PATIENCE)
    }
    expect(new Set(heard)).toEqual(new Set(Array.from({ length: 10 }, (__, number) => `${number}`)))
    await vi.waitFor(() => {
      const counted = [first, second].flatMap((ring) => Object.keys(ring.snapshot().counters))
      expect(counted.some((each) => counter.test(each))).toBe(true)
    }, PATIENCE)
  })

  test('cannot make one seem to be another', async () => {
    const [first, second] = [await member(), await member()]
    const impostor = (await stranger()).jid
    meddle = (stanza) => {
      if (stanza.getChild('data', RELAY_XMLNS)) stanza.attrs.from = impostor
      return stanza
    }
    const third = await member()
    await vi.waitFor(() => {
      const counted = [first, second, third].flatMap((ring) => Object.keys(ring.snapshot().counters))
      expect(counted.some((each) => /other-channel/.test(each))).toBe(true)
    }, PATIENCE)
    expect(third.peers.size).toBe(0)
  })
})

/** With one bit of its last byte turned, which no length and no head can be. */
function flipped(base64: string): string {
  const binary = atob(base64)
  const last = binary.length - 1
  return btoa(binary.slice(0, last) + String.fromCharCode(binary.charCodeAt(last) ^ 1))
}
