/**
 * Local tab channel: one end of a path between two tabs of one browser, on a BroadcastChannel that no others know.
 *
 *   knocking --open--> open --bye of the far end, a limit--> closed
 *      |                                                        ^
 *      +----------------------- deadline -----------------------+
 *
 * The browser keeps the order and loses nothing while both tabs run; how much is under way only the far end can say.
 */
import { utf8ToBytes } from '@noble/hashes/utils.js'
import type { Endpoint } from '../overlay/endpoint.ts'
import { type Channel, type ChannelEvents, type Clock, MAX_FRAME_BYTES } from '../ports.ts'

const KNOCK_DEADLINE_MS = 3_000 // A guess: a tab that is busy answers within, one that is gone never does.
const CONGESTED_ABOVE_BYTES = 1_048_576 // As the WebRTC transport has it.
const WRITABLE_AT_BYTES = 262_144
const ACKNOWLEDGE_EVERY_BYTES = 131_072 // Half of what is writable, so that the rest that nobody acknowledges is.
const MAX_UNSENT_BYTES = 16_777_216 // A guess: 16 congested windows. Beyond it the sender does not listen.

type PathMessage =
  | { type: 'open' }
  | { type: 'frame'; bytes: Uint8Array }
  | { type: 'taken'; byteCount: number }
  | { type: 'bye' }

/** What a channel needs of the one who keeps it. */
export interface LocalTabKeeper {
  readonly clock: Clock
  forget(channel: LocalTabChannel): void
  drop(reason: string): void
}

export class LocalTabChannel implements Channel {
  readonly kind = 'direct'
  readonly endpoint: Endpoint
  readonly binding: Uint8Array
  congested = false
  private state: 'knocking' | 'open' | 'closed'
  private readonly keeper: LocalTabKeeper
  private readonly path: BroadcastChannel
  private readonly cancelDeadline: () => void
  private events: ChannelEvents | undefined
  private beforeOpen: Uint8Array[] = []
  private unsentBytes = 0
  private untoldBytes = 0
  private overflowed = false

  constructor(keeper: LocalTabKeeper, endpoint: Endpoint, pathName: string, dialled: boolean) {
    this.keeper = keeper
    this.endpoint = endpoint
    this.state = dialled ? 'knocking' : 'open'
    this.path = new BroadcastChannel(pathName)
    this.binding = utf8ToBytes(pathName)
    this.path.onmessage = ({ data }) => this.handle(data)
    this.path.onmessageerror = () => keeper.drop('unreadable')
    const { clock } = keeper
    this.cancelDeadline = dialled
      ? clock.wakeAt(clock.now() + KNOCK_DEADLINE_MS, () => this.fail('nobody answers'))
      : () => {}
  }

  bind(events: ChannelEvents): void {
    this.events = events
  }

  /** Tells the dialler that it is heard. */
  welcome(): void {
    this.post({ type: 'open' })
  }

  send(bytes: Uint8Array): void {
    if (this.state === 'closed' || this.overflowed) return
    if (this.unsentBytes + bytes.byteLength > MAX_UNSENT_BYTES) {
      this.overflowed = true
      queueMicrotask(() => this.abort('too much unsent'))
      return
    }
    this.unsentBytes += bytes.byteLength
    if (this.unsentBytes > CONGESTED_ABOVE_BYTES) this.congested = true
    if (this.state === 'open') this.transmit(bytes)
    else this.beforeOpen.push(bytes.slice())
  }

  close(_reason: string): void {
    if (this.state === 'closed') return
    this.post({ type: 'bye' })
    this.end()
  }

  fail(reason: string): void {
    if (this.state === 'closed') return
    const { events } = this
    this.end()
    events?.closed(reason)
  }

  /** Fails for a reason that the far end cannot see, and tells it to close. */
  private abort(reason: string): void {
    if (this.state !== 'closed') this.post({ type: 'bye' })
    this.fail(reason)
  }

  private handle(data: unknown): void {
    if (this.state === 'closed') return
    const message = readPathMessage(data)
    switch (message?.type) {
      case undefined:
        this.keeper.drop('malformed')
        break
      case 'open':
        this.open()
        break
      case 'frame':
        this.receive(message.bytes)
        break
      case 'taken':
        this.left(message.byteCount)
        break
      case 'bye':
        this.fail('closed by the far end')
        break
    }
  }

  private open(): void {
    if (this.state !== 'knocking') {
      this.keeper.drop('opened again')
      return
    }
    this.state = 'open'
    this.cancelDeadline()
    for (const bytes of this.beforeOpen.splice(0)) this.transmit(bytes)
    this.events?.opened()
  }

  private receive(bytes: Uint8Array): void {
    if (this.state !== 'open') {
      this.keeper.drop('frame before open')
      return
    }
    if (bytes.byteLength > MAX_FRAME_BYTES) {
      this.keeper.drop('frame too large')
      this.abort('frame too large')
      return
    }
    this.events?.message(bytes)
    this.untoldBytes += bytes.byteLength
    if (this.untoldBytes < ACKNOWLEDGE_EVERY_BYTES || this.state !== 'open') return
    this.post({ type: 'taken', byteCount: this.untoldBytes })
    this.untoldBytes = 0
  }

  private left(byteCount: number): void {
    this.unsentBytes = Math.max(0, this.unsentBytes - byteCount)
    if (!this.congested || this.unsentBytes > WRITABLE_AT_BYTES) return
    this.congested = false
    this.events?.writable()
  }

  private transmit(bytes: Uint8Array): void {
    // What is posted is copied with the whole buffer that it lies in.
    this.post({ type: 'frame', bytes: bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice() })
  }

  private post(message: PathMessage): void {
    this.path.postMessage(message)
  }

  private end(): void {
    this.state = 'closed'
    this.events = undefined
    this.beforeOpen = []
    this.cancelDeadline()
    this.path.close()
    this.keeper.forget(this)
  }
}

/** Undefined for whatever another script of this origin may say there. */
export function readPathMessage(data: unknown): PathMessage | undefined {
  if (typeof data !== 'object' || data === null) return undefined
  const { type, bytes, byteCount } = data as Record<string, unknown>
  if (type === 'open' || type === 'bye') return { type }
  if (type === 'frame' && bytes instanceof Uint8Array) return { type, bytes }
  if (type === 'taken' && Number.isSafeInteger(byteCount) && Number(byteCount) > 0) {
    return { type, byteCount: Number(byteCount) }
  }
  return undefined
}
