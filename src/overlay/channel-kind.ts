/** Best first: a better kind carries a link's traffic, the worse stand behind it. */
export const CHANNEL_KINDS = ['direct', 'turn', 'tunnel', 'subring', 'relay'] as const
export type ChannelKind = (typeof CHANNEL_KINDS)[number]

const RANKS: Record<ChannelKind, number> = { direct: 0, turn: 1, tunnel: 2, subring: 3, relay: 4 }

/** 0 is best. */
export function rankOf(kind: ChannelKind): number {
  return RANKS[kind]
}
