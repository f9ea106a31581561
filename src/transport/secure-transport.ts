/** Secure transport: another transport, whose channels are told of when their far end has proved who it is. */
import type { Endpoint } from '../overlay/endpoint.ts'
import type { Channel, Clock, Transport } from '../ports.ts'
import type { KeyPair } from '../security/key-pair.ts'
import { SecureChannel, type SecureChannelKeeper } from './secure-channel.ts'

/** Channels at once that have arrived and have not proved anything. As many half-made links a node has. */
const MAX_UNPROVED = 128

export type SecureFacts = {
  keyPair: KeyPair
  /** 32 bytes that all of the namespace know. */
  psk: Uint8Array
  namespaceHash: string
  clock: Clock
  /** What the node says to whoever dials it. */
  acceptance: () => Uint8Array
}

export class SecureTransport implements Transport, SecureChannelKeeper {
  readonly keyPair: KeyPair
  readonly psk: Uint8Array
  readonly namespaceHash: string
  readonly acceptance: () => Uint8Array
  readonly dropped = new Map<string, number>()
  private readonly raw: Transport
  private readonly clock: Clock
  private readonly unproved = new Set<SecureChannel>()
  private incoming: ((channel: Channel) => void) | undefined

  constructor(raw: Transport, { keyPair, psk, namespaceHash, clock, acceptance }: SecureFacts) {
    this.raw = raw
    this.keyPair = keyPair
    this.psk = psk
    this.namespaceHash = namespaceHash
    this.clock = clock
    this.acceptance = acceptance
  }

  get scheme(): string {
    return this.raw.scheme
  }

  get endpoint(): Endpoint | undefined {
    return this.raw.endpoint
  }

  listen(incoming: (channel: Channel) => void): void {
    this.incoming = incoming
    this.raw.listen((raw) => {
      const channel = new SecureChannel(this, raw, false)
      this.unproved.add(channel)
      if (this.unproved.size > MAX_UNPROVED) channel.refuse('busy')
    })
  }

  dial(endpoint: Endpoint): Channel {
    return new SecureChannel(this, this.raw.dial(endpoint), true)
  }

  close(): void {
    this.raw.close()
  }

  wakeIn(ms: number, expire: () => void): () => void {
    return this.clock.wakeAt(this.clock.now() + ms, expire)
  }

  arrived(channel: SecureChannel): void {
    this.unproved.delete(channel)
    this.incoming?.(channel)
  }

  forget(channel: SecureChannel): void {
    this.unproved.delete(channel)
  }

  drop(reason: string): void {
    this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + 1)
  }
}
