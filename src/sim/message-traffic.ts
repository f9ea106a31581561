/**
 * MessageTraffic: is what was acknowledged delivered, exactly once? Numbered messages between pairs at random. Lost is a
 * message whose sender was told that it arrived, and which its receiver has never handed over.
 */
import type { Delivery, Inhabitant } from './world.ts'

type Fate = { acknowledged: boolean; delivered: boolean; between: readonly Inhabitant[] }

export class MessageTraffic {
  readonly counts = { sent: 0, acknowledged: 0, failed: 0, delivered: 0, deliveredTwice: 0 }
  private readonly fates = new Map<number, Fate>()

  send(from: Inhabitant, to: Inhabitant): void {
    const number = ++this.counts.sent
    const fate: Fate = { acknowledged: false, delivered: false, between: [from, to] }
    this.fates.set(number, fate)
    void from.driver.send(to.address, numbered(number)).then((failure) => {
      if (failure) this.counts.failed++
      else {
        this.counts.acknowledged++
        fate.acknowledged = true
      }
      // Whoever is remembered is kept in memory, and of most nobody will ask.
      if (failure || fate.delivered) fate.between = []
    })
  }

  /** To be told of each delivery. */
  delivered({ data }: Pick<Delivery, 'data'>): void {
    const fate = this.fates.get(numberIn(data))
    if (!fate) return
    if (fate.delivered) this.counts.deliveredTwice++
    else this.counts.delivered++
    fate.delivered = true
  }

  /** Between whom messages were acknowledged and not delivered. */
  get acknowledgedLost(): (readonly Inhabitant[])[] {
    return [...this.fates.values()]
      .filter(({ acknowledged, delivered }) => acknowledged && !delivered)
      .map(({ between }) => between)
  }
}

export function numbered(number: number): Uint8Array {
  const data = new Uint8Array(4)
  new DataView(data.buffer).setUint32(0, number)
  return data
}

export function numberIn(data: Uint8Array): number {
  return new DataView(data.buffer, data.byteOffset).getUint32(0)
}
