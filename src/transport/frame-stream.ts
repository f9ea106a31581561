/**
 * Frame stream: how do whole frames travel over pieces of another size? The sending half packs frames behind their
 * lengths and gives out pieces; the receiving half joins pieces and gives out frames.
 */
import { LENGTH_BYTES } from './relay-xml.ts'

export class FramePacker {
  /** Packed frames that have not left, oldest first; the first may be partly gone. */
  private readonly waiting: Uint8Array[] = []
  private offset = 0
  byteLength = 0

  push(frame: Uint8Array): void {
    const packed = new Uint8Array(LENGTH_BYTES + frame.byteLength)
    new DataView(packed.buffer).setUint32(0, frame.byteLength)
    packed.set(frame, LENGTH_BYTES)
    this.waiting.push(packed)
    this.byteLength += packed.byteLength
  }

  /** As much as one piece takes. */
  shift(maxBytes: number): Uint8Array {
    const piece = new Uint8Array(Math.min(this.byteLength, maxBytes))
    for (let at = 0; at < piece.byteLength; ) {
      const first = this.waiting[0]
      if (first === undefined) throw new Error('The bytes that wait are miscounted.')
      const part = first.subarray(this.offset, this.offset + piece.byteLength - at)
      piece.set(part, at)
      at += part.byteLength
      this.offset += part.byteLength
      if (this.offset === first.byteLength) {
        this.waiting.shift()
        this.offset = 0
      }
    }
    this.byteLength -= piece.byteLength
    return piece
  }

  clear(): void {
    this.waiting.length = 0
    this.offset = 0
    this.byteLength = 0
  }
}

export class FrameJoiner {
  private readonly maxFrameBytes: number
  private rest = new Uint8Array(0)

  constructor(maxFrameBytes: number) {
    this.maxFrameBytes = maxFrameBytes
  }

  /** The frames that this piece completes; undefined once one claims to be too large. Memory follows what has come. */
  push(piece: Uint8Array): Uint8Array[] | undefined {
    const bytes = new Uint8Array(this.rest.byteLength + piece.byteLength)
    bytes.set(this.rest)
    bytes.set(piece, this.rest.byteLength)
    const view = new DataView(bytes.buffer)
    const frames: Uint8Array[] = []
    let at = 0
    while (bytes.byteLength - at >= LENGTH_BYTES) {
      const length = view.getUint32(at)
      if (length > this.maxFrameBytes) return undefined
      if (bytes.byteLength - at - LENGTH_BYTES < length) break
      frames.push(bytes.slice(at + LENGTH_BYTES, at + LENGTH_BYTES + length))
      at += LENGTH_BYTES + length
    }
    this.rest = bytes.slice(at)
    return frames
  }
}
