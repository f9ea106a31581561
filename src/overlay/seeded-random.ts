/** The same sequence for the same seed (sfc32): what makes a world repeatable and a trace a replay. */
import type { Random } from './node-core.ts'

/** Throws away the first numbers, which still show the seed. */
const WARM_UP = 12

export function seededRandom(seed: number): Random {
  let a = 0x9e37_79b9
  let b = 0x243f_6a88
  let c = seed | 0
  let counter = 1
  const next = () => {
    const sum = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + sum) | 0
    return (sum >>> 0) / 2 ** 32
  }
  for (let index = 0; index < WARM_UP; index++) next()
  return next
}
