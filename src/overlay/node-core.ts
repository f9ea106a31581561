/** What the parts of a node share: who we are, the time of the input in hand, and the ways to act on the world. */
import type { Address } from './address.ts'
import type { Connection } from './connection.ts'
import type { ConnectionTable } from './connection-table.ts'
import type { ChannelId, Effect } from './effects.ts'
import type { Endpoint } from './endpoint.ts'
import type { NodeConfig } from './node-config.ts'
import type { Frame, Outbound, Packet, Status } from './wire.ts'

/** Uniform on [0, 1), and the same sequence for the same seed: a replay repeats it. */
export type Random = () => number

export interface NodeCore {
  readonly config: NodeConfig
  readonly table: ConnectionTable
  readonly random: Random
  /** Milliseconds; the time given with the input in hand. */
  readonly nowMs: number
  /** Where others can dial us. */
  readonly endpoints: readonly Endpoint[]
  readonly leaving: boolean
  /** Who passes on what goes through our tunnels. */
  readonly forwardersInUse: ReadonlySet<Address>
  /** Whether the page is hidden, and so answers late. */
  readonly hidden: boolean
  emit(effect: Effect): void
  /** Counts what was dropped or went wrong, by reason. */
  count(reason: string): void
  nextChannel(): ChannelId
  transmit(channel: ChannelId, frame: Frame): void
  /** Over the connection's active channel; dropped and counted when it has none. */
  sendTo(connection: Connection, frame: Frame): void
  /** Routes a packet of our own. False when there is nowhere to send it. */
  sendPacket(packet: Outbound): boolean
  /** The same for a packet that is encoded already. */
  sendEncoded(packet: Pick<Packet, 'mode' | 'body' | 'destination'>, bytes: Uint8Array): boolean
  /** Whether the ring is so large that first contacts in it are not to burden the service. */
  readonly sparesService: boolean
  /** Whether rendezvous shows somebody there at this moment. */
  shows(endpoint: Endpoint): boolean
  /** What we tell this node of ourselves. */
  statusFor(address: Address): Status
}
