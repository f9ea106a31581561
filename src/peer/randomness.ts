/** Randomness that nobody can guess. */
export function randomBytes(count: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(count))
}

export function randomInteger(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0] as number
}

export function cryptoRandom(): number {
  return randomInteger() / 2 ** 32
}
