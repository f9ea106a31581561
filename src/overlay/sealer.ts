/**
 * Sealer: keeps what two nodes say to each other through others from those others. Injected, because keys are agreed on
 * outside of the core; a node without one sends in plain, as the simulated worlds do.
 */
import type { Address } from './address.ts'

/** `unknown session`: we have no keys for it, or not any more; `replayed`: was there already, or is too old to tell. */
export type SealFault = 'unknown session' | 'replayed' | 'forged'

export interface Sealer {
  /** Whether there are keys for this node, so that `seal` seals. */
  knows(to: Address): boolean
  /** Undefined where there are no keys. The bytes given are not kept. */
  seal(to: Address, plain: Uint8Array): Uint8Array | undefined
  open(from: Address, sealed: Uint8Array): Uint8Array | SealFault
}
