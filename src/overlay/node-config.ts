/** What a node is told when it is made, and never again. */
import type { Address } from './address.ts'
import type { ChannelKind } from './channel-kind.ts'
import type { Sealer } from './sealer.ts'
import { MODERN, type TimerProfile } from './timer-profile.ts'

export type DialledTransport = { scheme: string; kind: ChannelKind; nearby?: boolean; throughRing?: boolean }

export type NodeConfig = {
  address: Address
  /** Tells this run of the node from an earlier one at the same address; 32 bits. */
  incarnation: number
  /** 40 hex digits: what the outside may know of the overlay's name and secret. */
  namespace: string
  /**
   * What we can dial, in the order in which a first contact should try; `kind` is the best that may come of it.
   * `nearby`: reaches only those whom rendezvous shows there, whatever endpoints a far node names. `throughRing`: what it takes to dial can travel as signals of the ring.
   */
  transports: readonly DialledTransport[]
  /** Wanted neighbours on each side; all-to-all is certain for up to 2 × perSide + 1 nodes. */
  perSide: number
  profile: TimerProfile
  /** Shortcuts that we make; undefined: by the ring's size. */
  shortcuts: number | undefined
  /** Whether a packet's next hop is chosen with regard to the far ends' links. */
  lookahead: boolean
  /** Whether nodes that cannot connect do so through others. */
  tunnels: boolean
  /** Whether traffic makes links. */
  onDemand: boolean
  /** Whether in a crowd only a few show their presence. */
  greeters: boolean
  /** How many nodes hold each record of the DHT, the nearest to its key. */
  replicas: number
  /** Whether what is bound to a writer is taken only once the world has found its proof good. */
  provesRecords: boolean
  /** Seals what goes through others; undefined: it is sent in plain. */
  sealer: Sealer | undefined
}

export type NodeFacts = Pick<NodeConfig, 'address' | 'incarnation' | 'namespace' | 'transports'> & Partial<NodeConfig>

/** Brunet, StructuredNearConnectionOverlord: two on each side bear the loss of either. */
const PER_SIDE = 2
/** As many as those next to us name on either side of us. A guess: half of what Brunet makes, all of them side by side. */
export const REPLICAS = 6

export function nodeConfig(facts: NodeFacts): NodeConfig {
  return {
    perSide: PER_SIDE,
    profile: MODERN,
    shortcuts: undefined,
    lookahead: true,
    tunnels: true,
    onDemand: true,
    greeters: true,
    replicas: REPLICAS,
    provesRecords: false,
    sealer: undefined,
    ...facts,
  }
}
