/** Candidate pair: which path did ICE choose, and does it run through a TURN server? (RFC 8445 §8.1) */
import type { CandidateFacts, CandidatePair, ChannelKind } from '../ports.ts'

export function kindOf(pair: CandidatePair | undefined): ChannelKind {
  return pair?.local.type === 'relay' || pair?.remote.type === 'relay' ? 'turn' : 'direct'
}

/** At once where the browser can say all of it; else by one look at the statistics. */
export function readSelectedPair(connection: RTCPeerConnection): CandidatePair | Promise<CandidatePair | undefined> {
  const pair = pairOfTransport(connection)
  // Chromium is silent about the way to a TURN server that is asked over UDP.
  const isWhole = pair !== undefined && (pair.local.type !== 'relay' || pair.local.relayProtocol !== undefined)
  return isWhole ? pair : pairOfStatistics(connection).then((looked) => looked ?? pair)
}

/** Calls back with what ICE chose whenever it may have chosen anew, as when the better path has died. One look at a time. */
export function followSelectedPair(connection: RTCPeerConnection, chosen: (pair: CandidatePair) => void): void {
  let state: 'resting' | 'looking' | 'stale' = 'resting'
  const look = async (): Promise<void> => {
    if (state !== 'resting') {
      state = 'stale'
      return
    }
    state = 'looking'
    try {
      const pair = await readSelectedPair(connection)
      if (pair !== undefined) chosen(pair)
    } catch {
      // A connection that is closed has nothing to say any more.
    }
    const isStale = (state as string) === 'stale'
    state = 'resting'
    if (isStale) await look()
  }
  connection.sctp?.transport?.iceTransport?.addEventListener?.('selectedcandidatepairchange', look)
  // Where the platform does not tell of pairs, it tells of the states through which it came to one.
  connection.addEventListener('iceconnectionstatechange', look)
}

function pairOfTransport(connection: RTCPeerConnection): CandidatePair | undefined {
  const iceTransport = connection.sctp?.transport?.iceTransport
  const pair = iceTransport?.getSelectedCandidatePair?.()
  if (!pair?.local || !pair.remote) return undefined
  const { type, protocol, address } = pair.local
  const relayProtocol = (pair.local as { relayProtocol?: unknown }).relayProtocol
  return { local: factsOf({ type, protocol, address, relayProtocol }), remote: factsOf(pair.remote) }
}

async function pairOfStatistics(connection: RTCPeerConnection): Promise<CandidatePair | undefined> {
  const reports = new Map<string, Record<string, unknown>>()
  for (const [id, report] of (await connection.getStats()) as Iterable<[string, Record<string, unknown>]>) {
    reports.set(id, report)
  }
  const all = [...reports.values()]
  const chosen = all.find((report) => report.type === 'transport' && report.selectedCandidatePairId !== undefined)
  const pair =
    reports.get(String(chosen?.selectedCandidatePairId)) ??
    // Firefox has no transport report and marks the pair itself.
    all.find((report) => report.type === 'candidate-pair' && report.selected === true)
  const local = reports.get(String(pair?.localCandidateId))
  const remote = reports.get(String(pair?.remoteCandidateId))
  if (local === undefined || remote === undefined) return undefined
  return {
    local: factsOf({ ...local, type: local.candidateType }),
    remote: factsOf({ type: remote.candidateType, protocol: remote.protocol, address: remote.address }),
  }
}

type Told = { type?: unknown; protocol?: unknown; address?: unknown; relayProtocol?: unknown }

function factsOf({ type, protocol, address, relayProtocol }: Told): CandidateFacts {
  const family = familyOf(address)
  return {
    type: String(type ?? 'unknown'),
    protocol: String(protocol ?? 'unknown'),
    ...(family === undefined ? {} : { family }),
    ...(typeof relayProtocol === 'string' ? { relayProtocol } : {}),
  }
}

/** The address itself is nobody's business; hidden behind a name (mDNS) it has no family that we know. */
function familyOf(address: unknown): 'ipv4' | 'ipv6' | undefined {
  if (typeof address !== 'string') return undefined
  if (address.includes(':')) return 'ipv6'
  return /^\d+(\.\d+){3}$/.test(address) ? 'ipv4' : undefined
}
