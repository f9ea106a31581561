/**
 * Finder: which node is nearest to a key? Whoever a greedy packet to it is delivered to answers for itself; what gets no
 * answer is asked again, as every request is.
 */
import { type Address, isNodeAddress } from './address.ts'
import type { NodeCore } from './node-core.ts'
import type { Requests } from './requests.ts'
import { NO_ROLES } from './role.ts'
import { encodeRequest } from './wire.ts'

/** One more than where somebody else can be asked instead: who is nearest may just have died, and others not know. A guess. */
const RESENDS = 3

export class Finder {
  private readonly core: NodeCore
  private readonly requests: Requests

  constructor(core: NodeCore, requests: Requests) {
    this.core = core
    this.requests = requests
  }

  /** `found` is called once, at once where it is ourselves. */
  find(key: Address, found: (address: Address | undefined) => void): void {
    const { core } = this
    if (!isNodeAddress(key)) {
      found(undefined)
      return
    }
    if (core.table.nearestTo(key) === core.config.address) {
      found(core.config.address)
      return
    }
    this.requests.ask(
      core.nowMs,
      (id) => {
        const payload = encodeRequest({
          id,
          via: undefined,
          method: 'find',
          role: NO_ROLES,
          endpoints: [],
          forwarders: [],
        })
        core.sendPacket({ mode: 'greedy', body: 'request', destination: key, payload })
      },
      (_, from) => found(from),
      Math.max(RESENDS, core.config.profile.request.resends),
    )
  }
}
