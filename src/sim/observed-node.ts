/** ObservedNode: a node of a world seen from outside: what it is given, what it gives back, and that it broke. */
import type { Effect, Input } from '../overlay/effects.ts'
import type { Inhabitant } from './world.ts'

export type Witness = (name: string, input: Input, effects: readonly Effect[], nowMs: number) => void

/** What a node of a world throws: one of its invariants is broken. */
export class NodeBroken extends Error {
  readonly inhabitant: Inhabitant

  constructor(inhabitant: Inhabitant, cause: unknown) {
    super(`${inhabitant.name} threw: ${cause instanceof Error ? cause.message : cause}`, { cause })
    this.name = 'NodeBroken'
    this.inhabitant = inhabitant
  }
}

/** From now on whatever the node throws says whose it is, and the witness is told of all that it does. */
export function observe(inhabitant: Inhabitant, witness: Witness | undefined): void {
  const { node, name } = inhabitant
  const handle = node.handle.bind(node)
  node.handle = (input, nowMs) => {
    try {
      const effects = handle(input, nowMs)
      witness?.(name, input, effects, nowMs)
      return effects
    } catch (cause) {
      throw new NodeBroken(inhabitant, cause)
    }
  }
}
