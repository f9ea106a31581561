/** Candidate pair: which path did ICE choose, and does it run through a TURN server? (RFC 8445 §8.1) */
import type { CandidatePair, ChannelKind } from '../ports.ts'

export function kindOf(pair: CandidatePair | undefined): ChannelKind {
  return pair?.local.type === 'relay' || pair?.remote.type === 'relay' ? 'turn' : 'direct'
}

/** At once where the browser can say so; else by one look at the statistics. */
export function readSelectedPair(connection: RTCPeerConnection): CandidatePair | Promise<CandidatePair | undefined> {
  return pairOfTransport(connection) ?? pairOfStatistics(connection)
}

function pairOfTransport(connection: RTCPeerConnection): CandidatePair | undefined {
  const iceTransport = connection.sctp?.transport?.iceTransport
  const pair = iceTransport?.getSelectedCandidatePair?.()
  return pair?.local && pair.remote ? { local: sideOf(pair.local), remote: sideOf(pair.remote) } : undefined
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
    local: sideOf({ type: local.candidateType, protocol: local.protocol }),
    remote: sideOf({ type: remote.candidateType, protocol: remote.protocol }),
  }
}

function sideOf({ type, protocol }: { type: unknown; protocol: unknown }): { type: string; protocol: string } {
  return { type: String(type ?? 'unknown'), protocol: String(protocol ?? 'unknown') }
}
