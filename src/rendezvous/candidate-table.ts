/**
 * Candidate table: who is there, through which sightings? Several sightings (occupants of rooms) may show one endpoint;
 * it has vanished when the last of them has. Bounded, so that a flood of strangers is dropped and counted.
 *
 * After we come in anew everybody is new to us: `renew` makes all stale, `settle` lets those go that were not seen again.
 */
import type { Endpoint } from '../overlay/endpoint.ts'
import type { Candidate, RendezvousEvents } from '../ports.ts'

export const MAX_CANDIDATES = 1_000 // A guess: as many tabs as one namespace has in the lab.

type Sighting = { endpoint: Endpoint; stale: boolean }
type Shown = { sightings: number; stale: boolean }

export class CandidateTable {
  private readonly events: RendezvousEvents
  private readonly sightings = new Map<string, Sighting>()
  private readonly shown = new Map<Endpoint, Shown>()

  constructor(events: RendezvousEvents) {
    this.events = events
  }

  /** Returns why the sighting is not taken. */
  see(
    name: string,
    endpoint: Endpoint,
    { elder, greeter }: Omit<Candidate, 'endpoint'>,
  ): 'table-full' | 'endpoint-changed' | undefined {
    const known = this.sightings.get(name)
    if (known !== undefined && known.endpoint !== endpoint) {
      if (!known.stale) return 'endpoint-changed'
      this.lose(name)
    }
    if (!this.sightings.has(name)) {
      if (this.sightings.size >= MAX_CANDIDATES) return 'table-full'
      this.count(endpoint)
    }
    this.sightings.set(name, { endpoint, stale: false })
    const shown = this.shown.get(endpoint)
    if (shown?.stale) {
      shown.stale = false
      this.events.appeared({ endpoint, elder, ...(greeter ? { greeter } : {}) })
    }
    return undefined
  }

  lose(name: string): void {
    const known = this.sightings.get(name)
    const shown = known && this.shown.get(known.endpoint)
    if (known === undefined || shown === undefined) return
    this.sightings.delete(name)
    if (--shown.sightings > 0) return
    this.shown.delete(known.endpoint)
    this.events.vanished(known.endpoint)
  }

  renew(among: (name: string) => boolean): void {
    for (const [name, sighting] of this.sightings) {
      if (!among(name)) continue
      sighting.stale = true
      const shown = this.shown.get(sighting.endpoint)
      if (shown !== undefined) shown.stale = true
    }
  }

  settle(among: (name: string) => boolean): void {
    for (const [name, { stale }] of [...this.sightings]) if (stale && among(name)) this.lose(name)
  }

  private count(endpoint: Endpoint): void {
    const shown = this.shown.get(endpoint)
    if (shown === undefined) this.shown.set(endpoint, { sightings: 1, stale: true })
    else shown.sightings++
  }
}
