/**
 * Conformance page: runs the transports' acceptance cases in a real browser, WebRTC among them, with both ends in this
 * page and an exchange in memory between them. `window.__conformance` resolves to one verdict for each case.
 */
import { endpointOf } from '../../src/overlay/endpoint.ts'
import { JingleSignalling } from '../../src/signalling/jingle-signalling.ts'
import { CONFORMANCE_CASES, type TransportPair } from '../../src/transport/conformance.ts'
import { LocalTabTransport } from '../../src/transport/local-tab.ts'
import { PathTransport } from '../../src/transport/pathing.ts'
import { TestCarriers } from '../../src/transport/test-carriers.ts'
import { WebrtcTransport } from '../../src/transport/webrtc.ts'
import { XmppRelay } from '../../src/transport/xmpp-relay.ts'
import { StanzaExchange, timerClock } from '../../src/xmpp/stanza-exchange.ts'

const CASE_DEADLINE_MS = 20_000

export type Verdict = { transport: string; name: string; error?: string; ms: number }

declare global {
  interface Window {
    __conformance: Promise<{ verdicts: Verdict[]; live: number }>
  }
}

const webrtcTransports: WebrtcTransport[] = []
/** What the paths of the case under way lead over. */
const outers: TestCarriers[] = []

function webrtcAt(jid: string, exchange: StanzaExchange): WebrtcTransport {
  const signalling = new JingleSignalling(exchange.connect(jid), timerClock, Math.random)
  const webrtc = new WebrtcTransport({ signalling, reflection: { iceServers: () => [] }, clock: timerClock })
  webrtcTransports.push(webrtc)
  return webrtc
}

function webrtcPair(): TransportPair {
  const exchange = new StanzaExchange()
  return {
    a: webrtcAt('a@example.org/1', exchange),
    b: webrtcAt('b@example.org/1', exchange),
    nowhere: nobody('webrtc'),
  }
}

/** Paths beside the channels of the same transport. */
function pathPair(): TransportPair {
  const exchange = new StanzaExchange()
  const within = (jid: string) => {
    const outer = webrtcAt(jid, exchange)
    const carriers = new TestCarriers(outer)
    outers.push(carriers)
    const transport = new PathTransport({ name: 'c0ffee', carriers, clock: timerClock })
    // What a path refuses is counted by the connection that carries it.
    return Object.defineProperty(transport, 'dropped', { get: () => outer.dropped })
  }
  return { a: within('a@example.org/1'), b: within('b@example.org/1'), nowhere: nobody('path') }
}

function relayPair(): TransportPair {
  const exchange = new StanzaExchange()
  const relay = (jid: string) => new XmppRelay(exchange.connect(jid), timerClock, Math.random)
  return { a: relay('a@example.org/1'), b: relay('b@example.org/1'), nowhere: nobody('xmpp') }
}

function localTabPair(): TransportPair {
  const tab = () => new LocalTabTransport(timerClock, Math.random)
  return { a: tab(), b: tab(), nowhere: endpointOf('tab', 'nobodynobodynobo') }
}

function nobody(scheme: string) {
  return endpointOf(scheme, 'nobody@example.org/1')
}

async function judge(transport: string, setup: () => TransportPair): Promise<Verdict[]> {
  const verdicts: Verdict[] = []
  for (const { name, run } of CONFORMANCE_CASES) {
    const pair = setup()
    const startedAt = performance.now()
    let error: string | undefined
    try {
      await Promise.race([run(pair), deadline()])
    } catch (thrown) {
      error = String(thrown)
    }
    pair.a.close()
    pair.b.close()
    for (const outer of outers.splice(0)) outer.close()
    const ms = Math.round(performance.now() - startedAt)
    verdicts.push(error === undefined ? { transport, name, ms } : { transport, name, error, ms })
    const item = document.createElement('li')
    item.textContent = `${transport}: ${name}: ${error ?? 'ok'} (${ms} ms)`
    document.querySelector('ol')?.append(item)
  }
  return verdicts
}

function deadline(): Promise<never> {
  return new Promise((_, reject) => {
    timerClock.wakeAt(timerClock.now() + CASE_DEADLINE_MS, () => reject(new Error('waited in vain')))
  })
}

/** Closing is not instant, because what was sent must leave first. */
async function liveConnections(): Promise<number> {
  const giveUpAt = timerClock.now() + CASE_DEADLINE_MS
  const count = () => webrtcTransports.reduce((sum, { live }) => sum + live, 0)
  while (count() > 0 && timerClock.now() < giveUpAt) {
    await new Promise<void>((resolve) => timerClock.wakeAt(timerClock.now() + 50, resolve))
  }
  return count()
}

async function judgeAll() {
  const verdicts = [
    ...(await judge('xmpp-relay', relayPair)),
    ...(await judge('local-tab', localTabPair)),
    ...(await judge('webrtc', webrtcPair)),
    ...(await judge('path', pathPair)),
  ]
  return { verdicts, live: await liveConnections() }
}

window.__conformance = judgeAll()
