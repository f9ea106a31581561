/** Test relays: relays that speak through an exchange in memory, and records of what their channels told. For tests only. */
import { endpointOf } from '../overlay/endpoint.ts'
import type { Channel, StanzaError, Transport } from '../ports.ts'
import { StanzaExchange, timerClock } from '../xmpp/stanza-exchange.ts'
import { type RelayPiece, readPiece, writePiece } from './relay-xml.ts'
import { XmppRelay } from './xmpp-relay.ts'

export const A = 'a@example.org/1'
export const B = 'b@example.org/1'
export const TO_B = endpointOf('xmpp', B)

export type RecordedChannel = { channel: Channel; events: string[]; frames: Uint8Array[] }

export class TestRelays {
  readonly exchange = new StanzaExchange()

  relay(jid: string): XmppRelay {
    let chance = 0
    return new XmppRelay(this.exchange.connect(jid), timerClock, () => (chance = (chance + 0.01) % 1))
  }

  /** B has a relay, and A a session alone. */
  listening(): { b: XmppRelay; arrived: RecordedChannel[] } {
    this.exchange.connect(A)
    const b = this.relay(B)
    return { b, arrived: keepArrivals(b) }
  }

  /** A channel from A to B that is about to carry its first frame. */
  dialled(): { near: RecordedChannel; a: XmppRelay; b: XmppRelay; arrived: RecordedChannel[] } {
    const { b, arrived } = this.listening()
    const a = this.relay(A)
    const near = record(a.dial(TO_B))
    near.channel.send(Uint8Array.of(0))
    return { near, a, b, arrived }
  }

  /** What a piece of a stranger's making is answered with: an error, or undefined for a result. */
  async request(from: string, piece: Partial<RelayPiece> & { seq: number }, to = B): Promise<StanzaError | undefined> {
    const child = writePiece({ sid: 's', bulk: false, close: false, payload: new Uint8Array(0), ...piece })
    return this.exchange
      .find(from)
      ?.request({ type: 'set', to, child })
      .then(
        () => undefined,
        (error: StanzaError) => error,
      )
  }

  /** Every piece sent so far, oldest first. */
  get pieces(): RelayPiece[] {
    return this.exchange.iqs.map(({ child }) => readPiece(child)).filter((piece) => piece !== undefined)
  }
}

export function keepArrivals(transport: Transport): RecordedChannel[] {
  const arrived: RecordedChannel[] = []
  transport.listen((channel) => arrived.push(record(channel)))
  return arrived
}

export function record(channel: Channel): RecordedChannel {
  const events: string[] = []
  const frames: Uint8Array[] = []
  channel.bind({
    opened: () => events.push('opened'),
    message: (bytes) => {
      events.push('message')
      frames.push(bytes)
    },
    writable: () => events.push('writable'),
    closed: (reason) => events.push(`closed ${reason}`),
  })
  return { channel, events, frames }
}

/** The payload that carries one frame of one byte. */
export function framed(byte: number): Uint8Array {
  return Uint8Array.of(0, 0, 0, 1, byte)
}
