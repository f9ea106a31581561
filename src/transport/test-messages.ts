/** Test messages: nodes of an outer ring in one process, whose messages take a turn and arrive once and in order. */
import type { InnerMessages } from '../ports.ts'

type Listener = (from: string, bytes: Uint8Array) => void

export class TestOuterRing {
  readonly nodes = new Map<string, TestMessages>()
  /** What was sent and has not arrived while the ring is held. */
  private held: (() => void)[] | undefined

  node(address: string): TestMessages {
    const node = new TestMessages(this, address)
    this.nodes.set(address, node)
    return node
  }

  /** From now on nothing arrives, until `release`. */
  hold(): void {
    this.held ??= []
  }

  release(): void {
    const held = this.held ?? []
    this.held = undefined
    for (const each of held) each()
  }

  carry(deliver: () => void): void {
    if (this.held) this.held.push(deliver)
    else queueMicrotask(deliver)
  }
}

export class TestMessages implements InnerMessages {
  readonly address: string
  private readonly ring: TestOuterRing
  private readonly listeners = new Map<string, Listener>()

  constructor(ring: TestOuterRing, address: string) {
    this.ring = ring
    this.address = address
  }

  send(to: string, bytes: Uint8Array): Promise<string | undefined> {
    const copy = bytes.slice()
    return new Promise((resolve) => {
      this.ring.carry(() => {
        const far = this.ring.nodes.get(to)
        far?.receive(this.address, copy)
        resolve(far ? undefined : 'unreachable')
      })
    })
  }

  onMessage(name: string, listener: Listener): () => void {
    this.listeners.set(name, listener)
    return () => this.listeners.delete(name)
  }

  receive(from: string, bytes: Uint8Array): void {
    for (const listener of this.listeners.values()) listener(from, bytes)
  }
}
