import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PacketSlab } from './packet-slab.ts'

const bytes = fc.oneof(fc.nat({ max: 100 }), fc.nat({ max: 4_100 }), fc.nat({ max: 70_000 }))

describe('packet slab', () => {
  test('rooms that are in use never overlap, whatever order they are given back in', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ bytes, giveBack: fc.nat({ max: 20 }) }), { maxLength: 200 }), (steps) => {
        const slab = new PacketSlab()
        const inUse: { room: Uint8Array; mark: number }[] = []
        steps.forEach((step, mark) => {
          const room = slab.take(step.bytes).fill(mark)
          expect(room.length).toBe(step.bytes)
          inUse.push({ room, mark })
          const [done] = inUse.splice(step.giveBack, 1)
          if (done) slab.giveBack(done.room)
          for (const { room, mark } of inUse) expect(room.every((byte) => byte === mark)).toBe(true)
        })
      }),
      { numRuns: 30 },
    )
  })

  test('a slab whose packets are all given back is used again', () => {
    const slab = new PacketSlab()
    const buffers = new Set<ArrayBufferLike>()
    const inUse: Uint8Array[] = []
    for (let packet = 0; packet < 2_000; packet++) {
      const room = slab.take(16_384)
      buffers.add(room.buffer)
      inUse.push(room)
      if (inUse.length > 100) slab.giveBack(inUse.shift() as Uint8Array)
    }
    expect(buffers.size).toBeLessThan(5)
  })

  test('what is abandoned is never handed out again', () => {
    const slab = new PacketSlab()
    const [abandoned, kept] = [slab.take(16_384), slab.take(16_384)]
    slab.abandon(abandoned)
    slab.giveBack(kept)
    slab.giveBack(abandoned)
    const later = Array.from({ length: 200 }, () => slab.take(16_384))
    expect(later.some((room) => room.buffer === abandoned.buffer && room.byteOffset === abandoned.byteOffset)).toBe(
      false,
    )
  })
})
