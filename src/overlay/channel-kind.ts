/** Best first: a better kind carries a link's traffic, the worse stand behind it. */
export const CHANNEL_KINDS = ['direct', 'turn', 'tunnel', 'subring', 'relay'] as const
export type ChannelKind = (typeof CHANNEL_KINDS)[number]

/** 0 is best. */
export function rankOf(kind: ChannelKind): number {
  return CHANNEL_KINDS.indexOf(kind)
}
