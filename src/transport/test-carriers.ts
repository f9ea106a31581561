/**
 * Test carriers: an outer overlay that is nothing but a transport, for overlays within it. An address is what its
 * transport is dialled at; a connection is held as long as somebody holds it. For tests only.
 */
import { endpointOf, targetOf } from '../overlay/endpoint.ts'
import type { Channel, PathCarrier, PathCarriers, Transport } from '../ports.ts'

type Taker = (channel: Channel, from: string) => void
type Connection = { channel: Channel; holders: number; ready: Promise<PathCarrier> }

export class TestCarriers implements PathCarriers {
  /** What the outer overlay's own channels carry. */
  onFrame: (bytes: Uint8Array, channel: Channel) => void = () => {}
  onWritable: () => void = () => {}
  private readonly outer: Transport
  private readonly connections = new Map<string, Connection>()
  private readonly takers = new Map<string, Taker>()

  constructor(outer: Transport) {
    this.outer = outer
    outer.listen((channel) => {
      const address = targetOf(channel.endpoint)
      this.connections.set(address, this.connect(channel, address))
    })
  }

  get address(): string | undefined {
    const { endpoint } = this.outer
    return endpoint && targetOf(endpoint)
  }

  /** The outer overlay's own channel to that node, where there is one. */
  channelTo(address: string): Channel | undefined {
    return this.connections.get(address)?.channel
  }

  /** How often the connection with that node is held. */
  holders(address: string): number {
    return this.connections.get(address)?.holders ?? 0
  }

  async carrier(address: string): Promise<PathCarrier> {
    const connection = this.connections.get(address) ?? this.dial(address)
    connection.holders += 1
    return connection.ready
  }

  release(address: string): void {
    const connection = this.connections.get(address)
    if (connection !== undefined) connection.holders -= 1
  }

  onPath(name: string, taker: Taker): () => void {
    this.takers.set(name, taker)
    return () => void this.takers.delete(name)
  }

  close(): void {
    for (const { channel } of this.connections.values()) channel.close('gone')
    this.connections.clear()
    this.outer.close()
  }

  private dial(address: string): Connection {
    const connection = this.connect(this.outer.dial(endpointOf(this.outer.scheme, address)), address)
    this.connections.set(address, connection)
    return connection
  }

  private connect(channel: Channel, address: string): Connection {
    const ready = new Promise<PathCarrier>((resolve, reject) => {
      const open = (): boolean => {
        const { paths } = channel
        paths?.listenPaths((name) => {
          const taker = this.takers.get(name)
          return taker && ((path) => taker(path, address))
        })
        if (paths !== undefined) resolve(paths)
        return paths !== undefined
      }
      channel.bind({
        opened: () => open() || reject(new Error('no paths')),
        message: (bytes) => this.onFrame(bytes, channel),
        writable: () => this.onWritable(),
        closed: (reason) => {
          this.connections.delete(address)
          reject(new Error(reason))
        },
      })
      open()
    })
    // Whoever asks for the connection hears of it.
    ready.catch(() => {})
    return { channel, holders: 0, ready }
  }
}
