/**
 * BorderMail: what nodes of one shard say to nodes of another, packed into bytes that threads share. Records lie one
 * behind the other, in the order in which they were written:
 *
 *   0  u8   kind           4  u32  length of what follows     8  f64  when it arrives, virtual milliseconds
 *   1  u8   network       16  u32  to: a channel end, for a knock and a presence the number of a node
 *                         20  u32  from: a channel end, for a presence the number of the node that is shown
 *                         24  u32  for a knock the number of the node that dials, for a presence whether it is an elder
 */
export const MAIL_KINDS = ['knock', 'opened', 'frame', 'closed', 'presence'] as const
export type MailKind = (typeof MAIL_KINDS)[number]

export type Mail = { kind: MailKind; network: number; atMs: number; to: number; from: number; more: number }

const HEADER_BYTES = 32
const FIRST_BYTES = 65_536
/** Reserved, not used: ten thousand nodes that form a ring say 15 MB in one window (measured). */
const MAX_BYTES = 1_073_741_824

// What TypeScript's library of ES2023 lacks; Node has it since 20.
type Growable = SharedArrayBuffer & { grow(bytes: number): void }
type GrowableConstructor = new (bytes: number, options: { maxByteLength: number }) => Growable

const NOTHING: Uint8Array = new Uint8Array(0)

export function mailbox(): SharedArrayBuffer {
  return new (SharedArrayBuffer as unknown as GrowableConstructor)(FIRST_BYTES, { maxByteLength: MAX_BYTES })
}

export class MailWriter {
  private readonly buffer: Growable
  private bytes: Uint8Array
  private view: DataView
  private offset = 0

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer as Growable
    this.bytes = new Uint8Array(buffer)
    this.view = new DataView(buffer)
  }

  get length(): number {
    return this.offset
  }

  /** Throws a RangeError when one window has more to say than there is room for. */
  write({ kind, network, atMs, to, from, more }: Mail, payload = NOTHING): void {
    this.reserve(HEADER_BYTES + payload.length)
    const { view, offset } = this
    view.setUint8(offset, MAIL_KINDS.indexOf(kind))
    view.setUint8(offset + 1, network)
    view.setUint32(offset + 4, payload.length)
    view.setFloat64(offset + 8, atMs)
    view.setUint32(offset + 16, to)
    view.setUint32(offset + 20, from)
    view.setUint32(offset + 24, more)
    this.bytes.set(payload, offset + HEADER_BYTES)
    this.offset += HEADER_BYTES + payload.length
  }

  clear(): void {
    this.offset = 0
  }

  private reserve(count: number): void {
    if (this.offset + count <= this.buffer.byteLength) return
    this.buffer.grow(Math.min(MAX_BYTES, Math.max(2 * this.buffer.byteLength, this.offset + count)))
    this.bytes = new Uint8Array(this.buffer)
    this.view = new DataView(this.buffer)
  }
}

/** Hands over each record, its payload copied out of what the threads share. */
export function readMail(buffer: SharedArrayBuffer, length: number, take: (mail: Mail, payload: Uint8Array) => void) {
  const bytes = new Uint8Array(buffer, 0, length)
  const view = new DataView(buffer, 0, length)
  for (let offset = 0; offset < length; ) {
    const count = view.getUint32(offset + 4)
    const start = offset + HEADER_BYTES
    const mail: Mail = {
      kind: MAIL_KINDS[view.getUint8(offset)] as MailKind,
      network: view.getUint8(offset + 1),
      atMs: view.getFloat64(offset + 8),
      to: view.getUint32(offset + 16),
      from: view.getUint32(offset + 20),
      more: view.getUint32(offset + 24),
    }
    const payload = count === 0 ? NOTHING : bytes.slice(start, start + count)
    offset = start + count
    take(mail, payload)
  }
}
