/**
 * Nontransitive: some pairs can have no channel of any kind. Can everybody still talk with everybody? After the ring has
 * had time to form, each of the ordered pairs (or many of them at random) sends one message, which arrives or does not.
 */
import { type Address, nodeAddress } from '../overlay/address.ts'
import { nearestOf } from './drawn-ring.ts'
import { numbered, numberIn } from './message-traffic.ts'
import { counterSums, linkKinds, Meter, rounded } from './meter.ts'
import { advance, outcomeOf, type Progress, type ScenarioOptions, timeToOneRing, worldOf } from './scenario.ts'
import { walk } from './walk.ts'
import type { Inhabitant, World } from './world.ts'

/** A ring that is not whole by then is measured as it stands. */
const FORMING_MS = 120_000
const SETTLING_MS = 30_000
/** A sender gives up after 30 s without an acknowledgement. */
const WAITING_MS = 60_000
const MAX_PAIRS = 20_000
/** Pairs that send in one virtual second, so that senders' windows do not meet. A guess. */
const PAIRS_PER_S = 1_000
const LOOKUPS = 10_000

export async function nontransitiveScenario(options: ScenarioOptions, progress: Progress) {
  let delivered = 0
  let wanted = new Set<string>()
  const onDelivery = (to: Inhabitant, { data }: { data: Uint8Array }) => {
    if (wanted.delete(`${numberIn(data)} ${to.address}`)) delivered++
  }
  const world = worldOf(options, { onDelivery })
  world.startTogether(options.nodes)
  const formedMs = await timeToOneRing(world, progress, FORMING_MS)
  await advance(world, SETTLING_MS, (done) => progress(done, 'settling'))

  const pairs = pairsOf(world.nodes, world.random)
  const lookupsRight = shareOfRightLookups(world, options.lookahead)
  wanted = new Set(pairs.map(([, to], number) => `${number} ${to.address}`))
  let acknowledged = 0
  const talking = new Meter(world)
  for (const [number, [from, to]] of pairs.entries()) {
    void from.driver.send(to.address, numbered(number)).then((failure) => {
      if (!failure) acknowledged++
    })
    if (number % PAIRS_PER_S === PAIRS_PER_S - 1) await advance(world, 1_000)
    progress(number / pairs.length, 'talking')
  }
  await advance(world, WAITING_MS)

  const routable = delivered / pairs.length
  const figures = {
    formedMs: formedMs ?? null,
    routable: rounded(routable, 5),
    lookupsRight: rounded(lookupsRight, 5),
    pairs: pairs.length,
    acknowledged: rounded(acknowledged / pairs.length, 5),
    perNode: talking.read(),
    kinds: linkKinds(world),
    counters: counterSums(world),
  }
  if (!options.tunnels || routable === 1) return outcomeOf(world, figures)
  const silent = new Set([...wanted].map((entry) => entry.split(' ')[1]))
  const concerned = world.nodes.filter(({ address }) => silent.has(address)).slice(0, MAX_CONCERNED)
  return outcomeOf(world, figures, { why: `${wanted.size} pairs could not talk`, concerned })
}

/** Of greedy packets from nodes at random to keys at random, those that end at the node nearest to the key. */
function shareOfRightLookups(world: World, lookahead: boolean): number {
  const tables = new Map(world.nodes.map(({ address, node }) => [address, node.table]))
  const ascending = [...tables.keys()].sort()
  let right = 0
  for (let count = 0; count < LOOKUPS; count++) {
    const source = ascending[Math.floor(world.random() * ascending.length)] as Address
    const key = nodeAddress(Uint8Array.from({ length: 20 }, () => Math.floor(256 * world.random())))
    const { at, end } = walk(source, key, (address) => tables.get(address), lookahead)
    if (end === 'delivered' && at === nearestOf(ascending, key)) right++
  }
  return right / LOOKUPS
}

/** Of whom the trace is kept. */
const MAX_CONCERNED = 4

function pairsOf(nodes: readonly Inhabitant[], random: () => number): [Inhabitant, Inhabitant][] {
  if (nodes.length * (nodes.length - 1) <= MAX_PAIRS) {
    return nodes.flatMap((from) => nodes.filter((to) => to !== from).map((to): [Inhabitant, Inhabitant] => [from, to]))
  }
  const pairs: [Inhabitant, Inhabitant][] = []
  while (pairs.length < MAX_PAIRS) {
    const [from, to] = [nodes[Math.floor(random() * nodes.length)], nodes[Math.floor(random() * nodes.length)]]
    if (from && to && from !== to) pairs.push([from, to])
  }
  return pairs
}
