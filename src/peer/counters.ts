/** Counters: what was dropped or went wrong in any room, by reason, as the snapshot has it. */

export type Dropped = { readonly dropped: ReadonlyMap<string, number> }

export function countersOf(
  core: ReadonlyMap<string, number>,
  rooms: Record<string, Dropped>,
  rendezvous: readonly (Dropped & { readonly name: string })[],
): Record<string, number> {
  const counters: Record<string, number> = Object.fromEntries(core)
  const named = rendezvous.map((each) => [each.name, each] as const)
  for (const [room, { dropped }] of [...Object.entries(rooms), ...named]) {
    for (const [reason, count] of dropped) counters[`${room}: ${reason}`] = count
  }
  return counters
}
