/** NodeNumber: worlds name their nodes n1, n2 and so on; where names are to be short, the number stands for one. */
export function numberOf(name: string): number {
  return Number(name.slice(1))
}

export function nameOf(number: number): string {
  return `n${number}`
}
