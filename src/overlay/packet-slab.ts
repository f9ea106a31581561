/**
 * PacketSlab: room for packets, cut from slabs that are used again when all their packets are settled. Fresh memory
 * costs a page more than filling it (measured in Chromium: 90 µs for a buffer of 16 KiB, 50 µs in a fresh slab, 5 µs in
 * one that was used before). Small packets, of which one may be kept for long, are cut from small slabs.
 */
const SLABS = [
  { below: 4_096, slabBytes: 32_768 },
  { below: 131_072, slabBytes: 1_048_576 },
] as const
/** Buffers as small as this cost a page nothing: V8 keeps them on its heap. */
const TINY_BYTES = 64
/** Empty slabs of each size that are kept for later; a sender in bulk has about as many in use. */
const MAX_EMPTY = 4

type Slab = { bytes: Uint8Array; used: number; packets: number; size: number }

export class PacketSlab {
  private readonly current: (Slab | undefined)[] = SLABS.map(() => undefined)
  private readonly empty: Slab[][] = SLABS.map(() => [])
  private readonly inUse = new Map<ArrayBufferLike, Slab>()

  /** What was in it before is in it still. */
  take(bytes: number): Uint8Array {
    const size = bytes <= TINY_BYTES ? -1 : SLABS.findIndex(({ below }) => bytes < below)
    const facts = SLABS[size]
    if (!facts) return new Uint8Array(bytes)
    let slab = this.current[size]
    if (!slab || slab.used + bytes > facts.slabBytes) {
      slab = this.empty[size]?.pop() ?? { bytes: new Uint8Array(facts.slabBytes), used: 0, packets: 0, size }
      this.current[size] = slab
      this.inUse.set(slab.bytes.buffer, slab)
    }
    slab.used += bytes
    slab.packets++
    return slab.bytes.subarray(slab.used - bytes, slab.used)
  }

  /** Somebody may still read it in the turn in hand: its slab is left to the garbage collector. */
  abandon(room: Uint8Array): void {
    this.inUse.delete(room.buffer)
  }

  /** Nobody reads this room any more. */
  giveBack(room: Uint8Array): void {
    const slab = this.inUse.get(room.buffer)
    if (!slab || --slab.packets > 0) return
    slab.used = 0
    if (slab === this.current[slab.size]) return
    this.inUse.delete(slab.bytes.buffer)
    const empty = this.empty[slab.size]
    if (empty && empty.length < MAX_EMPTY) empty.push(slab)
  }
}
