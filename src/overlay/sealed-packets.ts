/**
 * SealedPackets: what message streams say through others, sealed for the far end. Who passes such a packet on sees
 * addresses and sizes, and can neither change nor make one. Whatever goes over a link to its far end stays as it is: the
 * link is for the two alone already.
 *
 *   sealed packet = as the sealer has it, of: body u8 (data, ack or reset), payload
 *
 * Where there are no keys for a node the world is asked for an introduction; when it has come about, streams go on.
 */
import type { Address } from './address.ts'
import type { NodeCore } from './node-core.ts'
import { type StreamHead, writeStreamHead } from './stream-data.ts'
import { asDataPacket, BODIES, type Body, PACKET_HEADER_BYTES, type Packet } from './wire.ts'

type StreamBody = 'data' | 'ack' | 'reset'

const DATA_BODY = BODIES.indexOf('data')

export class SealedPackets {
  private readonly core: NodeCore
  private readonly isRouted: (to: Address) => boolean

  constructor(core: NodeCore, isRouted: (to: Address) => boolean) {
    this.core = core
    this.isRouted = isRouted
  }

  /** Whether what goes to this node through others can be sealed, or need not be. */
  isReady(to: Address): boolean {
    return this.core.config.sealer?.knows(to) ?? true
  }

  introduce(to: Address): void {
    this.core.emit({ type: 'introduce', to, reason: 'to-send' })
  }

  /** `encoded` is what `encodeForStream` made. */
  sendData(to: Address, encoded: Uint8Array, head: StreamHead, ttl: number): void {
    const { sealer, address: source } = this.core.config
    if (sealer) this.sendSealed(to, asSealable(encoded, head))
    else {
      const packet = asDataPacket(encoded, head, { source, destination: to, ttl })
      this.core.sendEncoded({ mode: 'exact', body: 'data', destination: to }, packet)
    }
  }

  /** Says what has arrived, or has not. Without keys it is left out: who sends again introduces itself. */
  answer(to: Address, body: 'ack' | 'reset', payload: Uint8Array): void {
    if (!this.core.config.sealer || !this.isRouted(to)) {
      this.core.sendPacket({ mode: 'exact', body, destination: to, payload })
      return
    }
    const plain = new Uint8Array(1 + payload.length)
    plain[0] = BODIES.indexOf(body)
    plain.set(payload, 1)
    this.sendSealed(to, plain)
  }

  /**
   * The packet with what was sealed in it; undefined for one that is not believed. `isOwn`: it comes over the link of
   * the very node that it names as its source.
   */
  opened(packet: Packet, isOwn: boolean): Packet | undefined {
    const { sealer } = this.core.config
    if (packet.body !== 'sealed') {
      if (!sealer || isOwn || !isOfStreams(packet.body)) return packet
      this.core.count('sealed: plain packet')
      return undefined
    }
    const plain = sealer ? sealer.open(packet.source, packet.payload) : 'no keys'
    if (typeof plain === 'string') {
      this.core.count(`sealed: ${plain}`)
      // One of us has forgotten the other: we learn anew who the other is, and it sends again.
      if (plain === 'unknown session') {
        this.core.emit({ type: 'introduce', to: packet.source, reason: 'unknown-session' })
      }
      return undefined
    }
    const body = BODIES[plain[0] as number]
    if (body && isOfStreams(body)) return { ...packet, body, payload: plain.subarray(1) }
    this.core.count('sealed: bad body')
    return undefined
  }

  private sendSealed(to: Address, plain: Uint8Array): void {
    const payload = this.core.config.sealer?.seal(to, plain)
    if (payload) this.core.sendPacket({ mode: 'exact', body: 'sealed', destination: to, payload })
    else this.core.count('sealed: no session')
  }
}

function isOfStreams(body: Body): body is StreamBody {
  return body === 'data' || body === 'ack' || body === 'reset'
}

/** What `encodeForStream` made, as body and payload: the byte before the head is free for it. */
function asSealable(encoded: Uint8Array, head: StreamHead): Uint8Array {
  encoded[PACKET_HEADER_BYTES - 1] = DATA_BODY
  writeStreamHead(head, encoded, PACKET_HEADER_BYTES)
  return encoded.subarray(PACKET_HEADER_BYTES - 1)
}
