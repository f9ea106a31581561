/** One run of the lab: all peers follow one link at once, are linked, and talk each to each. */
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { encodeSpaceLink, newSecret } from '../../src/app/space-link.ts'
import type { Address } from '../../src/overlay/address.ts'
import { rankOf } from '../../src/overlay/channel-kind.ts'
import type { Milestones, Snapshot } from '../../src/peer/ring.ts'
import { namespaceKeys } from '../../src/security/namespace-keys.ts'
import { faultsOfRing } from '../ring-faults.ts'
import type { IcePath, LabPeer } from './lab-peer.ts'
import { bestOf, type NatKind } from './nat-rules.ts'
import type { ServerReport } from './server-request.ts'

/** The pages begin together, far enough ahead that each has been told of it. */
const LEAD_MS = 400
/** A guess, above the 15 s after which a browser gives up an attempt. */
const JOIN_PATIENCE_MS = 30_000
const TALK_PATIENCE_MS = 30_000 // A guess.
const POLL_MS = 25

export type Lab = {
  peers: readonly LabPeer[]
  nats: readonly NatKind[]
  server: ServerReport
  /** Whether there is TURN. */
  coturn: boolean
  /** Where they meet inside a public ring: how many others are in it. */
  publicOthers: number | undefined
}

export const PAIR_KINDS = ['direct', 'turn', 'tunnel', 'subring', 'relay', 'none'] as const
/** `none`: no link; the two talk through others. */
export type PairKind = (typeof PAIR_KINDS)[number]

export type Pair = {
  /** Counted from 1. */
  peers: [number, number]
  /** What the browsers' ICE uses where it has connected the two, else what the snapshots say. */
  kind: PairKind
  /** What the snapshots say. */
  shown: PairKind
  /** Whether the kind is as good as the two NATs allow. */
  best: boolean
  /** Whether a message arrived, each way. */
  talked: boolean
}

export type LabRun = {
  /** Of each peer. */
  milestones: Milestones[]
  /** From the common start until the last peer had the links that it can have; undefined when that did not come. */
  wholeMs: number | undefined
  pairs: Pair[]
  /** Where they met inside a public ring: of each how long it took to be in that, and the stanzas of the private one. */
  inside?: { publicMs: (number | undefined)[]; stanzasMeanwhile: number; privateStanzas: number }
  /** What was still wrong with the ring when patience was over. */
  ringFaults: string[]
}

/** Leaves the pages open, in the space. */
export const PUBLIC_RING = 'lab public/1'

export async function runLab({ peers, nats, server, coturn, publicOthers }: Lab): Promise<LabRun> {
  await Promise.all(peers.map((peer) => peer.open()))
  const isInside = publicOthers !== undefined
  const publicMs = isInside ? await enterPublicRing(peers, server, publicOthers) : []
  for (const peer of peers) await peer.untilQuiet()
  const { service, domain } = server
  const space = { namespace: 'lab/1', secret: randomUUID() }
  const within = isInside ? { within: PUBLIC_RING } : {}
  const fragment = encodeSpaceLink({ ...space, service, domain, ...within })
  const { hash } = await namespaceKeys(space.namespace, space.secret)
  const stanzasBefore = await Promise.all(peers.map((peer) => peer.stanzas(hash)))
  const startAtMs = Date.now() + LEAD_MS
  const took = await Promise.all(
    peers.map((peer, index) =>
      peer.join({
        fragment,
        startAtMs,
        others: peers.length - 1,
        connectable: connectableFrom(index, nats, coturn),
        patienceMs: JOIN_PATIENCE_MS,
      }),
    ),
  )
  const snapshots = await Promise.all(peers.map((peer) => peer.snapshot()))
  const paths = await Promise.all(peers.map((peer) => peer.icePaths()))
  const stanzas = await Promise.all(peers.map((peer) => peer.stanzas(hash)))
  const missed = await talkAll(
    peers,
    snapshots.map(({ address }) => address),
    TALK_PATIENCE_MS,
  )
  return {
    milestones: snapshots.map(({ milestones }) => milestones),
    wholeMs: took.some((ms) => ms === undefined) ? undefined : Math.max(...(took as number[])),
    pairs: pairsOf({ snapshots, paths, nats, coturn, missed }),
    ringFaults: await lastingFaults(peers, TALK_PATIENCE_MS),
    ...(isInside
      ? {
          inside: {
            publicMs,
            stanzasMeanwhile: sum(stanzas.map(({ all }, index) => all - (stanzasBefore[index]?.all ?? 0))),
            privateStanzas: sum(stanzas.map(({ naming }) => naming)),
          },
        }
      : {}),
  }
}

/** A space of its own for each: what is asked of them is that they are in the ring around it. */
export async function enterPublicRing(
  peers: readonly LabPeer[],
  { service, domain }: ServerReport,
  others: number,
): Promise<(number | undefined)[]> {
  const took: (number | undefined)[] = []
  // One after the other, as people do.
  for (const [before, peer] of peers.entries()) {
    const alone = { namespace: `alone ${randomUUID()}`, secret: newSecret() }
    const fragment = encodeSpaceLink({ ...alone, service, domain, within: PUBLIC_RING })
    took.push(await peer.enterPublicRing(fragment, others + before, JOIN_PATIENCE_MS))
  }
  return took
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

async function lastingFaults(peers: readonly LabPeer[], patienceMs: number): Promise<string[]> {
  const givenUpMs = Date.now() + patienceMs
  for (;;) {
    const faults = faultsOfRing(await Promise.all(peers.map((peer) => peer.snapshot())))
    if (faults.length === 0 || Date.now() > givenUpMs) return faults
    await delay(POLL_MS)
  }
}

/** Everybody says something to everybody else. Returns who did not hear whom, as `from>to`. */
async function talkAll(peers: readonly LabPeer[], addresses: Address[], patienceMs: number): Promise<Set<string>> {
  const givenUpMs = Date.now() + patienceMs
  await Promise.all(
    peers.map((peer, from) =>
      peer.say(addresses.flatMap((to, index) => (index === from ? [] : [{ to, text: `from ${from} to ${index}` }]))),
    ),
  )
  const missed = new Set<string>()
  await Promise.all(
    peers.map(async (peer, to) => {
      const froms = peers.map((_, from) => from).filter((from) => from !== to)
      const missing = async () => {
        const heard = await peer.heard()
        return froms.filter((from) => !heard.includes(`from ${from} to ${to}`))
      }
      while ((await missing()).length > 0 && Date.now() < givenUpMs) await delay(POLL_MS)
      for (const from of await missing()) missed.add(`${from}>${to}`)
    }),
  )
  return missed
}

function connectableFrom(index: number, nats: readonly NatKind[], turn: boolean): number {
  const own = nats[index] as NatKind
  return nats.filter((other, place) => place !== index && bestOf(own, other, turn) !== 'relay').length
}

type Outcome = {
  snapshots: Snapshot[]
  paths: IcePath[][]
  nats: readonly NatKind[]
  coturn: boolean
  missed: Set<string>
}

function pairsOf({ snapshots, paths, nats, coturn, missed }: Outcome): Pair[] {
  return snapshots.flatMap((one, a) =>
    snapshots.slice(a + 1).map((other, offset): Pair => {
      const b = a + 1 + offset
      const shown = worseOf(kindTowards(one, other), kindTowards(other, one))
      const isConnected = shown === 'direct' || shown === 'turn'
      const kind = isConnected ? (kindOfPath(paths[a] ?? [], paths[b] ?? []) ?? shown) : shown
      const possible = bestOf(nats[a] as NatKind, nats[b] as NatKind, coturn)
      return {
        peers: [a + 1, b + 1],
        kind,
        shown,
        best: kind !== 'none' && rankOf(kind) <= rankOf(possible),
        talked: !missed.has(`${a}>${b}`) && !missed.has(`${b}>${a}`),
      }
    }),
  )
}

function kindTowards(from: Snapshot, to: Snapshot): PairKind {
  return from.peers.find(({ address }) => address === to.address)?.kind ?? 'none'
}

function kindOfPath(ours: IcePath[], theirs: IcePath[]): PairKind | undefined {
  for (const our of ours) {
    const their = theirs.find(({ local, remote }) => local === our.remote && remote === our.local)
    if (their) return worseOf(our.kind, their.kind)
  }
  return undefined
}

/** Only the end that has it sees a relayed candidate for sure: the other may have seen its packets first. */
function worseOf(a: PairKind, b: PairKind): PairKind {
  return PAIR_KINDS.indexOf(a) > PAIR_KINDS.indexOf(b) ? a : b
}
