/** Does a real server tell us of its STUN and TURN servers, in each of the ways in which servers tell? */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { ExternalServices } from '../src/reflection/external-services.ts'
import { installNodeWebSocket } from '../src/xmpp/node-websocket.ts'
import { realClock } from '../src/xmpp/real-clock.ts'
import { closeTestSessions, newSession } from '../src/xmpp/test-sessions.ts'
import { turnPassword } from './coturn.ts'
import { startEjabberd } from './ejabberd.ts'
import { type ProsodyOptions, startProsody } from './prosody.ts'
import type { XmppServer } from './xmpp-server.ts'

const TURN = { host: '192.0.2.1', port: 3_478, tlsPort: 5_349, secret: 'of the test' }
const PATIENT = { timeout: 10_000 }

const close: (() => Promise<void>)[] = []

beforeEach(installNodeWebSocket)

afterEach(async () => {
  await closeTestSessions()
  for (const each of close.splice(0)) await each()
})

test('by XEP-0215: STUN, and TURN over UDP, TCP and TLS with credentials that are good for the server', async () => {
  const { reflection } = await reflectionOf({ turn: TURN })
  await vi.waitFor(() => expect(reflection.iceServers()).toHaveLength(4), PATIENT)
  const [stun, ...turns] = reflection.iceServers()
  expect(stun).toEqual({ urls: 'stun:192.0.2.1:3478' })
  expect(turns.map(({ urls }) => urls)).toEqual([
    'turn:192.0.2.1:3478?transport=udp',
    'turns:192.0.2.1:5349?transport=tcp',
    'turn:192.0.2.1:3478?transport=tcp',
  ])
  for (const turn of turns) expectGood(turn)
})

test('by XEP-0215 of ejabberd, which says `true` where Prosody says 1', async () => {
  const { reflection } = await reflectionAt(await startEjabberd({ turn: TURN }))
  await vi.waitFor(() => expect(reflection.iceServers()).toHaveLength(4), PATIENT)
  const [stun, ...turns] = reflection.iceServers()
  expect(stun).toEqual({ urls: 'stun:192.0.2.1:3478' })
  expect(turns.map(({ urls }) => urls).sort()).toEqual([
    'turn:192.0.2.1:3478?transport=tcp',
    'turn:192.0.2.1:3478?transport=udp',
    'turns:192.0.2.1:5349?transport=tcp',
  ])
  for (const turn of turns) expectGood(turn)
})

test('by the older XEP-0215, with credentials only for those who ask', async () => {
  const { reflection } = await reflectionOf({ turn: TURN, tellingBy: 'old-extdisco' })
  await vi.waitFor(() => expect(reflection.iceServers()).toHaveLength(1), PATIENT)
  const [turn] = reflection.iceServers()
  expect(turn?.urls).toBe('turn:192.0.2.1:3478?transport=udp')
  expectGood(turn)
})

test('by jingle info of our own account', async () => {
  const { reflection } = await reflectionOf({ turn: TURN, tellingBy: 'jingle-info' })
  await vi.waitFor(() => expect(reflection.iceServers()).toEqual([{ urls: 'stun:192.0.2.1:3478' }]), PATIENT)
})

test('not at all, and nothing comes of it', async () => {
  const { reflection } = await reflectionOf({})
  await vi.waitFor(() => expect([...reflection.dropped]).toEqual([['none named', 1]]), PATIENT)
  expect(reflection.iceServers()).toEqual([])
})

async function reflectionOf(options: ProsodyOptions): Promise<{ reflection: ExternalServices }> {
  return reflectionAt(await startProsody(options))
}

async function reflectionAt({ service, domain, stop }: XmppServer): Promise<{ reflection: ExternalServices }> {
  close.push(stop)
  const session = newSession(service, { domain })
  const reflection = new ExternalServices({ stanzas: session, clock: realClock })
  close.push(async () => reflection.close())
  await session.start()
  return { reflection }
}

/** What the server itself would make of the name, until which the password is good. */
function expectGood(server: RTCIceServer | undefined): void {
  const { username = '', credential } = server ?? {}
  expect(Number.parseInt(username, 10) * 1_000).toBeGreaterThan(Date.now())
  expect(credential).toBe(turnPassword(TURN.secret, username))
}
