/** Big-endian cursors over bytes. The reader never throws: past the end it yields zeros and remembers that it failed. */
import { ADDRESS_BYTES, type Address, addressFromBytes, writeAddress } from './address.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })

export class ByteReader {
  failed = false
  private offset: number
  private readonly bytes: Uint8Array

  constructor(bytes: Uint8Array, offset = 0) {
    this.bytes = bytes
    this.offset = offset
  }

  /** True when everything was read and nothing was missing. */
  get complete(): boolean {
    return !this.failed && this.offset === this.bytes.length
  }

  u8(): number {
    return this.take(1) ? (this.bytes[this.offset - 1] as number) : 0
  }

  u16(): number {
    return (this.u8() << 8) | this.u8()
  }

  u32(): number {
    return this.u16() * 65_536 + this.u16()
  }

  address(): Address {
    return this.take(ADDRESS_BYTES)
      ? addressFromBytes(this.bytes, this.offset - ADDRESS_BYTES)
      : ('0'.repeat(2 * ADDRESS_BYTES) as Address)
  }

  /** A node's address; one of another class fails the read. */
  nodeAddress(): Address {
    const address = this.address()
    if (!this.failed && ((this.bytes[this.offset - 1] as number) & 1) !== 0) this.failed = true
    return address
  }

  /** UTF-8 text after its 16-bit length. */
  text(maxBytes: number): string {
    const length = this.u16()
    if (length > maxBytes || !this.take(length)) {
      this.failed = true
      return ''
    }
    try {
      return decoder.decode(this.bytes.subarray(this.offset - length, this.offset))
    } catch {
      this.failed = true
      return ''
    }
  }

  /** A copy; nothing where there is less. */
  bytesOf(count: number): Uint8Array {
    return this.take(count) ? this.bytes.slice(this.offset - count, this.offset) : new Uint8Array()
  }

  /** A view, not a copy. */
  rest(): Uint8Array {
    const rest = this.bytes.subarray(this.offset)
    this.offset = this.bytes.length
    return rest
  }

  private take(count: number): boolean {
    if (this.offset + count > this.bytes.length) {
      this.failed = true
      return false
    }
    this.offset += count
    return true
  }
}

export class ByteWriter {
  private bytes: Uint8Array
  private offset = 0

  /** Writes into the room given, or into its own of the size expected; either way it grows as needed. */
  constructor(room: number | Uint8Array = 128) {
    this.bytes = typeof room === 'number' ? new Uint8Array(room) : room
  }

  u8(value: number): this {
    this.reserve(1)
    this.bytes[this.offset++] = value
    return this
  }

  u16(value: number): this {
    return this.u8(value >>> 8).u8(value)
  }

  u32(value: number): this {
    return this.u16(value >>> 16).u16(value)
  }

  address(address: Address): this {
    this.reserve(ADDRESS_BYTES)
    writeAddress(address, this.bytes, this.offset)
    this.offset += ADDRESS_BYTES
    return this
  }

  text(text: string): this {
    const encoded = encoder.encode(text)
    return this.u16(encoded.length).raw(encoded)
  }

  raw(bytes: Uint8Array): this {
    this.reserve(bytes.length)
    this.bytes.set(bytes, this.offset)
    this.offset += bytes.length
    return this
  }

  finish(): Uint8Array {
    return this.offset === this.bytes.length ? this.bytes : this.bytes.slice(0, this.offset)
  }

  private reserve(count: number): void {
    if (this.offset + count <= this.bytes.length) return
    const grown = new Uint8Array(Math.max(2 * this.bytes.length, this.offset + count))
    grown.set(this.bytes.subarray(0, this.offset))
    this.bytes = grown
  }
}
