/**
 * Reachability: which pairs of nodes can have which channel? Some pairs can have none at all, by any transport, in
 * either direction, as the paper's servers that do not talk to each other; some only a relay, for their NATs. Decided by
 * the pair's names and the seed alone, so that it is the same whoever asks, whenever, and both ways.
 */
import { canConnectDirectly, type Nat } from './nat.ts'

export type ReachabilityOptions = {
  seed: number
  /** The share of pairs that can have no channel of any kind. */
  unreachable: number
  /** The NATs that nodes are behind, drawn with equal chance; none given: each pair can have a direct channel. */
  nats: readonly Nat[]
}

export class Reachability {
  private readonly options: ReachabilityOptions

  constructor(options: ReachabilityOptions) {
    this.options = options
  }

  any(a: string, b: string): boolean {
    const { unreachable, seed } = this.options
    if (unreachable <= 0) return true
    return share(a < b ? `${seed} ${a} ${b}` : `${seed} ${b} ${a}`) >= unreachable
  }

  direct(a: string, b: string): boolean {
    return this.any(a, b) && canConnectDirectly(this.natOf(a), this.natOf(b))
  }

  natOf(name: string): Nat {
    const { nats, seed } = this.options
    return nats[Math.floor(nats.length * share(`${seed} nat ${name}`))] ?? 'none'
  }
}

/** A place on [0, 1) that looks random and is the same for the same text (FNV-1a with a final mix, as MurmurHash3's). */
export function share(text: string): number {
  let hash = 0x811c_9dc5
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x0100_0193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35)
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32
}
