/** Frames over the relay of a real Prosody between two sessions, sealed and not, in turn: what does the seal cost? */
import { endpointOf } from '../../src/overlay/endpoint.ts'
import type { Channel, Transport } from '../../src/ports.ts'
import { generateKeyPair, type KeyPair } from '../../src/security/key-pair.ts'
import { SecureTransport } from '../../src/transport/secure-transport.ts'
import { XmppRelay } from '../../src/transport/xmpp-relay.ts'
import { memoryStorage } from '../../src/xmpp/memory-storage.ts'
import { installNodeWebSocket } from '../../src/xmpp/node-websocket.ts'
import { realClock } from '../../src/xmpp/real-clock.ts'
import { XmppSession } from '../../src/xmpp/session.ts'
import { startProsody } from '../prosody.ts'
import { median, round } from '../statistics.ts'

export type RelayFigures = {
  repeats: number
  sealedMs: number
  plainMs: number
  /** Throughput sealed over throughput plain. */
  ratio: number
}

const BYTES = 2 ** 18
const FRAME_BYTES = 16 * 2 ** 10

export async function benchRelay(options: { repeats: number; log: (line: string) => void }): Promise<RelayFigures> {
  const { repeats, log } = options
  installNodeWebSocket()
  const prosody = await startProsody()
  const sessions = ['a', 'b'].map(
    (resource) =>
      new XmppSession({
        service: prosody.service,
        domain: prosody.anonymousDomain,
        resource,
        storage: memoryStorage(),
        random: Math.random,
      }),
  )
  try {
    await Promise.all(sessions.map((session) => session.start()))
    const keys = [await generateKeyPair(), await generateKeyPair()]
    const relays = sessions.map((session) => new XmppRelay(session, realClock, Math.random))
    const [near, far] = relays as [XmppRelay, XmppRelay]
    const to = endpointOf('xmpp', sessions[1]?.jid ?? '')
    const sealed = relays.map((relay, index) => secured(relay, keys[index] as KeyPair)) as [Transport, Transport]
    const measures = { plain: () => carried(near, far, to), sealed: () => carried(...sealed, to) }
    const took = { plain: [] as number[], sealed: [] as number[] }
    for (let run = 0; run <= repeats; run++) {
      const order = run % 2 ? (['plain', 'sealed'] as const) : (['sealed', 'plain'] as const)
      const lines: string[] = []
      for (const which of order) {
        const ms = await measures[which]()
        lines.push(`${which} ${round(ms)} ms`)
        // The first of each warms up what it uses.
        if (run > 0) took[which].push(ms)
      }
      log(`${run === 0 ? 'warm-up' : `run ${run}`}: ${lines.join(', ')}`)
    }
    const [sealedMs, plainMs] = [median(took.sealed), median(took.plain)]
    return { repeats, sealedMs: round(sealedMs), plainMs: round(plainMs), ratio: round(plainMs / sealedMs, 3) }
  } finally {
    await Promise.all(sessions.map((session) => session.stop()))
    await prosody.stop()
  }
}

function secured(relay: XmppRelay, keyPair: KeyPair): Transport {
  const facts = { keyPair, psk: new Uint8Array(32), namespaceHash: 'ab'.repeat(20), clock: realClock }
  return new SecureTransport(relay, { ...facts, acceptance: () => new Uint8Array(0) })
}

/** Milliseconds until all of it has arrived, on a channel of its own. */
async function carried(near: Transport, far: Transport, to: Channel['endpoint']): Promise<number> {
  let arrivedBytes = 0
  let arrived = () => {}
  const all = new Promise<void>((resolve) => {
    arrived = resolve
  })
  far.listen((channel) =>
    channel.bind({
      opened() {},
      writable() {},
      closed() {},
      message: (bytes) => {
        arrivedBytes += bytes.length
        if (arrivedBytes >= BYTES) arrived()
      },
    }),
  )
  const channel = near.dial(to)
  let startedMs = 0
  let sentBytes = 0
  const send = () => {
    startedMs ||= performance.now()
    for (; sentBytes < BYTES && !channel.congested; sentBytes += FRAME_BYTES) {
      // Bulk would go as fast as its pace, whatever the seal costs.
      channel.send(new Uint8Array(FRAME_BYTES))
    }
  }
  await new Promise<void>((resolve, reject) => {
    channel.bind({ opened: send, writable: send, message() {}, closed: (reason) => reject(new Error(reason)) })
    all.then(resolve)
  })
  const tookMs = performance.now() - startedMs
  channel.close('done')
  return tookMs
}
