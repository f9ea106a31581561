/**
 * Crawl: is the ring whole when it is walked, as a crawler of a real one would find it (Brunet, CheckRing)? The walk goes
 * left over the links that nodes hold, from every node, and knows of the others nothing but who there is.
 */
import type { Address } from '../overlay/address.ts'
import type { World } from './world.ts'

/**
 * The first thing that is wrong: a walk left from some node does not visit all others once and return, somebody's left
 * neighbour has another one on its right, or a node lacks links to the `perSide` nodes next to it on a side, or to all.
 */
export function crawlComplaint(world: World): string | undefined {
  const { nodes } = world
  for (const { name, node } of nodes) {
    const wanted = Math.min(node.config.perSide, nodes.length - 1)
    for (const side of ['left', 'right'] as const) {
      const linked = node.near[side].length
      if (linked < wanted) return `${name} has ${linked} of ${wanted} links on its ${side}`
    }
  }
  for (const start of nodes) {
    const visited = new Set<Address>()
    let at = start
    do {
      visited.add(at.address)
      const left = at.node.near.left[0]
      const next = left === undefined ? undefined : world.at(left)
      if (!next) return nodes.length === 1 ? undefined : `${at.name} leads to nobody who is there`
      if (next.node.near.right[0] !== at.address) return `${next.name} has another than ${at.name} on its right`
      if (next !== start && visited.has(next.address)) return `the walk from ${start.name} runs in a circle`
      at = next
    } while (at !== start)
    if (visited.size !== nodes.length) return `the walk from ${start.name} visits ${visited.size} of ${nodes.length}`
  }
  return undefined
}
