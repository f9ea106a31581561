/**
 * Timer profiles: how long the state machines of a node wait. They are the same machines in both: `paper` has the
 * constants of Brunet in 2010 (reference: its source, overlord by overlord), to show where the paper's 20 s went, and
 * `modern` those of a page, where an event is acted on at once and a timer is only a safety net.
 */
export type TimerProfile = {
  name: 'modern' | 'paper'
  /** Whether a candidate is dialled when it appears, or only in the next round. */
  dialsOnAppearance: boolean
  /** Rounds of discovery while not connected; the last delay is repeated. Each is fuzzed by half. */
  roundDelaysMs: readonly number[]
  /** How many are dialled in a round. */
  candidatesPerRound: number
  /** How long one who came after us may take to dial us, before we dial it. */
  newcomerGraceMs: number
  /**
   * Of a ring that is whole as far as it sees, so many nodes dial somebody that they have no link to in each span of
   * time: it is the ring that looks for another one, and the more nodes it has, the less each need do.
   */
  settledProbe: { everyMs: number; nodes: number }
  /** How soon after the appearance of strangers a connected node may dial one of them; undefined: never. */
  strangerProbeMs: number | undefined
  /** How long a link is left to bring us names, before our own place is sought through it. */
  seekAfterMs: number
  trimDelayMs: number
  keepalive: {
    quietMs: number
    quietRelayMs: number
    /** On a relay that nothing better is about to take the place of. */
    quietLastingRelayMs: number
    quietFarMs: number
    suspectMs: number
    deadMs: number
    doubtDeadMs: number
  }
  request: { firstTimeoutMs: number; resends: number }
  /** How long the asked node's dialling may take, before we dial. */
  connectGraceMs: number
  /** How long a node that did not answer is not asked for again. */
  shunnedMs: number
  /** How long a direct or relayed link is waited for, before a tunnel is tried. */
  tunnelAfterMs: number
  /** Between attempts to make a shortcut; each failure doubles it, up to the last. */
  shortcutDelaysMs: readonly number[]
  /** How long a link made for traffic stays without any. */
  onDemandIdleMs: number
}

export const MODERN: TimerProfile = {
  name: 'modern',
  dialsOnAppearance: true,
  // The paper polls every 10 s; nothing periodic should stand in the way of a join.
  roundDelaysMs: [500, 1_000, 2_000, 4_000, 8_000, 10_000],
  candidatesPerRound: 10, // Paper, §V.B: asking all got no answer through some services, ten at random did.
  newcomerGraceMs: 1_500, // A guess: login and first round trip on a slow line.
  settledProbe: { everyMs: 30_000, nodes: 10 }, // A guess.
  strangerProbeMs: 4_000, // A guess: by then a newcomer has joined our ring, if it can.
  seekAfterMs: 300, // A guess.
  trimDelayMs: 5_000, // A guess: long enough for a gap to show.
  // Quiet and dead together: a killed tab is to be noticed within 5 s. A probe over a relay and its answer cost each end
  // two stanzas; where relays are for good, presence must tell of deaths, and a peer with four links sends 24 a minute.
  keepalive: {
    quietMs: 1_500,
    quietRelayMs: 2_000,
    quietLastingRelayMs: 20_000,
    quietFarMs: 5_000,
    suspectMs: 1_000,
    deadMs: 2_000,
    doubtDeadMs: 1_500,
  },
  request: { firstTimeoutMs: 1_000, resends: 2 },
  connectGraceMs: 1_500, // A guess: two dials would make two channels.
  shunnedMs: 15_000,
  tunnelAfterMs: 1_000, // A guess: a relay or a direct channel has had a few round trips by then.
  shortcutDelaysMs: [500, 1_000, 5_000, 30_000],
  onDemandIdleMs: 60_000,
}

export const PAPER: TimerProfile = {
  name: 'paper',
  dialsOnAppearance: false,
  roundDelaysMs: [10_000], // Discovery: 10 s ± 5 s.
  candidatesPerRound: 1, // LeafConnectionOverlord: one Linker at a time.
  newcomerGraceMs: 0,
  settledProbe: { everyMs: 10_000, nodes: Number.POSITIVE_INFINITY }, // LeafConnectionOverlord: goes on until it has three leaves.
  strangerProbeMs: undefined,
  seekAfterMs: 0,
  trimDelayMs: 30_000, // StructuredNearConnectionOverlord.
  // Node: a ping after 15 s of silence; ReqrepManager: five resends, cold timeouts of 5 s.
  keepalive: {
    quietMs: 15_000,
    quietRelayMs: 15_000,
    quietLastingRelayMs: 15_000,
    quietFarMs: 15_000,
    suspectMs: 5_000,
    deadMs: 30_000,
    doubtDeadMs: 30_000,
  },
  request: { firstTimeoutMs: 5_000, resends: 5 },
  connectGraceMs: 5_000, // Linker: 0 to 5 s before a restart.
  shunnedMs: 10_000, // Overlords retry after 10 s.
  tunnelAfterMs: 10_000, // RelayEdgeListener: direct first.
  shortcutDelaysMs: [10_000, 20_000, 40_000, 60_000], // Shortcut overlord: 10 s doubling to 60 s.
  onDemandIdleMs: 450_000, // OnDemandConnectionOverlord: 7.5 min.
}
