/**
 * NamedNodes: who named whom, of the nodes that we are not linked to and that would be nearer to us than those we are?
 *
 *   left window   from us up to the last of our nearest links on the left, as many as are wanted; right window likewise.
 *                 With fewer links than that, the whole ring.
 *
 * Everybody names somebody all the time while a ring forms, so names are read once, after they have come. A new link only
 * narrows the windows. When a link is lost, or somebody takes back what nobody else may have said, all is read again.
 */
import { type Address, isBetween } from './address.ts'
import type { Connection } from './connection.ts'
import { type ConnectionTable, nearestOn } from './connection-table.ts'

export class NamedNodes {
  private readonly table: ConnectionTable
  private perSide = 0
  /** What each connection named when it was last read. */
  private readonly read = new Map<Connection, readonly Address[]>()
  private readonly informers = new Map<Address, Connection>()
  /** Those who may name others than when they were last read. */
  private readonly unread = new Set<Connection>()
  private linksRead = -1
  private left: Address | undefined
  private right: Address | undefined

  constructor(table: ConnectionTable) {
    this.table = table
  }

  /** To be called whenever a connection, new or not, names others than before. */
  note(connection: Connection): void {
    this.unread.add(connection)
  }

  /** Whether nothing was noted, and no link has come or gone, since the last answer. */
  isSame(perSide: number): boolean {
    return this.unread.size === 0 && this.linksRead === this.table.links && this.perSide === perSide
  }

  /** Each with one who named it; `perSide` nearest links are wanted on either side. */
  unlinked(perSide: number): ReadonlyMap<Address, Connection> {
    if (perSide !== this.perSide) {
      this.perSide = perSide
      this.followLinks()
      this.readAll()
    } else if (this.linksRead !== this.table.links) this.followLinks()
    for (const connection of this.unread) this.readAgain(connection)
    this.unread.clear()
    return this.informers
  }

  private readAgain(connection: Connection): void {
    if (this.table.get(connection.address) !== connection) return
    const { neighbours } = connection.status
    const before = this.read.get(connection)
    if (before === neighbours) return
    this.read.set(connection, neighbours)
    if (before && this.takesBack(connection, before, neighbours)) this.readAll()
    else this.readNames(connection)
  }

  private followLinks(): void {
    const { table, perSide } = this
    this.linksRead = table.links
    const linked = table.addresses()
    const enough = linked.length >= perSide
    this.left = enough ? nearestOn(linked, table.self, 'left', perSide).at(-1) : undefined
    this.right = enough ? nearestOn(linked, table.self, 'right', perSide).at(-1) : undefined
    for (const connection of this.read.keys()) {
      if (table.get(connection.address) === connection) continue
      this.readAll()
      return
    }
    for (const address of this.informers.keys()) {
      if (!this.isWanted(address)) this.informers.delete(address)
    }
  }

  private readAll(): void {
    this.read.clear()
    this.informers.clear()
    for (const connection of this.table.all()) {
      this.read.set(connection, connection.status.neighbours)
      this.readNames(connection)
    }
  }

  private readNames(connection: Connection): void {
    for (const address of connection.status.neighbours) {
      if (!this.informers.has(address) && this.isWanted(address)) this.informers.set(address, connection)
    }
  }

  private takesBack(connection: Connection, before: readonly Address[], now: readonly Address[]): boolean {
    return before.some((address) => this.informers.get(address) === connection && !now.includes(address))
  }

  private isWanted(address: Address): boolean {
    const { self } = this.table
    const { left, right } = this
    if (left && right && !isBetween(address, self, left) && !isBetween(address, right, self)) return false
    return address !== self && !this.table.get(address)
  }
}
