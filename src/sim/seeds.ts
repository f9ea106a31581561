/** The seeds that a simulated test runs over: `SEED=17` repeats one failure alone. */
export function seeds(count: number): number[] {
  const { SEED } = process.env
  return SEED ? [Number(SEED)] : Array.from({ length: count }, (_, index) => index + 1)
}
