/**
 * TestDhts: the DHT parts of a few nodes that are all linked to each other, where nothing is lost or late unless a test
 * says so: what one sends is there at once, time passes when it is told to.
 */
import { type Address, nearer } from './address.ts'
import { ConnectionTable } from './connection-table.ts'
import { Dht, type DhtFailure } from './dht.ts'
import type { DhtRecord } from './dht-record.ts'
import { identityOf, tagOf } from './dht-record.ts'
import { type DhtMessage, decodeDhtMessage } from './dht-wire.ts'
import type { Effect, Ticket } from './effects.ts'
import { nodeConfig } from './node-config.ts'
import type { NodeCore } from './node-core.ts'
import { seededRandom } from './seeded-random.ts'
import { textOf } from './test-records.ts'
import { connect, randomAddresses } from './test-ring.ts'
import type { Outbound } from './wire.ts'

export type TestDht = {
  address: Address
  dht: Dht
  table: ConnectionTable
  counts: Map<string, number>
  gone: boolean
}
type Sent = { from: Address; to: Address; message: DhtMessage | undefined; payload: Uint8Array }
type Page = { records: DhtRecord[] | undefined; more: boolean }

export type TestDhtsOptions = {
  replicas?: number
  /** Whether a record is from whom it is bound to, which may never be said; without this nobody asks. */
  proves?: (record: DhtRecord) => boolean | undefined
}

/** How often all may be woken in a row: more would be one that never meets its deadline. */
const MAX_WAKES = 10_000

export class TestDhts {
  nowMs = 1_000
  readonly nodes: TestDht[] = []
  /** All that was sent since it was last emptied. */
  sent: Sent[] = []
  /** What never comes. */
  loses: (sent: Sent) => boolean = () => false
  /** How long what is sent takes. */
  delays: (sent: Sent) => number = () => 0
  private readonly options: TestDhtsOptions
  private readonly queue: Sent[] = []
  private readonly late: { atMs: number; sent: Sent }[] = []
  private readonly puts = new Map<Ticket, DhtFailure | 'stored'>()
  private readonly pages = new Map<Ticket, Page>()
  private tickets = 0

  constructor(count: number, options: TestDhtsOptions = {}) {
    this.options = options
    for (const address of randomAddresses(count, seededRandom(count))) this.add(address)
    this.deliver()
  }

  /** Nearest first. */
  nearestTo(key: Address): TestDht[] {
    const left = this.nodes.filter(({ gone }) => !gone)
    const nearest: TestDht[] = []
    while (left.length > 0) {
      const next = left.reduce((a, b) => (nearer(key, a.address, b.address) === a.address ? a : b))
      nearest.push(...left.splice(left.indexOf(next), 1))
    }
    return nearest
  }

  rootOf(key: Address): TestDht {
    return this.nearestTo(key)[0] as TestDht
  }

  /** Linked to all at once. `alone`: to nobody yet. */
  add(address: Address, alone = false): TestDht {
    const table = new ConnectionTable(address)
    const counts = new Map<string, number>()
    const { replicas = 3, proves } = this.options
    const facts = { address, incarnation: 1, namespace: 'a'.repeat(40), transports: [] }
    const config = nodeConfig({ ...facts, replicas, provesRecords: proves !== undefined })
    const ring = this
    const core = {
      config,
      table,
      random: seededRandom(7),
      get nowMs() {
        return ring.nowMs
      },
      count: (reason: string) => void counts.set(reason, (counts.get(reason) ?? 0) + 1),
      emit: (effect: Effect) => this.carryOut(node, effect),
      sendPacket: (packet: Outbound) => this.send(node, packet),
    }
    const node: TestDht = {
      address,
      table,
      counts,
      gone: false,
      dht: new Dht(core as unknown as NodeCore, () => false),
    }
    if (!alone) {
      for (const other of this.nodes) {
        if (other.gone) continue
        connect(other.table, address)
        connect(table, other.address)
      }
    }
    this.nodes.push(node)
    if (!alone) this.review()
    return node
  }

  /** It is noticed at once. */
  kill(dead: TestDht): void {
    dead.gone = true
    for (const { table, dht, gone } of this.nodes) {
      const connection = table.get(dead.address)
      if (gone || !connection) continue
      table.remove(connection)
      dht.keeper.lost(dead.address)
    }
    this.review()
  }

  review(): void {
    for (const { dht, gone } of this.nodes) if (!gone) dht.review(true)
    this.deliver()
  }

  /** What has come of it; undefined while nothing has. */
  put(node: TestDht, record: DhtRecord, create = false): () => DhtFailure | 'stored' | undefined {
    const ticket = ++this.tickets
    node.dht.put(ticket, record, create)
    this.deliver()
    return () => this.puts.get(ticket)
  }

  getPage(node: TestDht, key: Address, after = ''): () => Page | undefined {
    const ticket = ++this.tickets
    node.dht.get(ticket, key, after)
    this.deliver()
    return () => this.pages.get(ticket)
  }

  /** All pages, sorted; undefined where there is no answer at once. */
  get(node: TestDht, key: Address): string[] | undefined {
    const texts: string[] = []
    for (let after = ''; ; ) {
      const page = this.getPage(node, key, after)()
      if (!page?.records) return undefined
      texts.push(...page.records.map(textOf))
      const last = page.records.at(-1)
      if (!page.more || !last) return texts.sort()
      after = tagOf(identityOf(last))
    }
  }

  /** Who has a value under this key whose lease runs. */
  holders(key: Address): TestDht[] {
    return this.nodes.filter(({ dht, gone }) => !gone && dht.store.of(key, this.nowMs).length > 0)
  }

  /** Each is woken when it is due. */
  pass(forMs: number): void {
    const untilMs = this.nowMs + forMs
    for (let wakes = 0; ; wakes++) {
      if (wakes > MAX_WAKES) throw new Error('they are never done')
      const living = this.nodes.filter(({ gone }) => !gone)
      const deadlines = living.map(({ dht }) => dht.deadlineMs ?? Number.POSITIVE_INFINITY)
      const nextMs = Math.min(...deadlines, ...this.late.map(({ atMs }) => atMs))
      if (nextMs > untilMs) break
      this.nowMs = Math.max(this.nowMs, nextMs)
      for (const { dht } of living) dht.wake(this.nowMs)
      this.arrive()
      this.deliver()
    }
    this.nowMs = untilMs
  }

  counted(reason: string): number {
    return this.nodes.reduce((sum, { counts }) => sum + (counts.get(reason) ?? 0), 0)
  }

  /** As if it had come from there. */
  inject(from: Address, to: TestDht, payload: Uint8Array): void {
    to.dht.receive(from, payload, from)
    this.deliver()
  }

  private send(from: TestDht, { mode, destination, payload }: Outbound): boolean {
    const to = mode === 'exact' ? destination : from.table.nearestTo(destination)
    const sent = { from: from.address, to, message: decodeDhtMessage(payload), payload }
    this.sent.push(sent)
    const delayMs = this.delays(sent)
    if (this.loses(sent)) return true
    if (delayMs > 0) this.late.push({ atMs: this.nowMs + delayMs, sent })
    else this.queue.push(sent)
    return true
  }

  private arrive(): void {
    for (const each of [...this.late]) {
      if (each.atMs > this.nowMs) continue
      this.late.splice(this.late.indexOf(each), 1)
      this.queue.push(each.sent)
    }
  }

  private deliver(): void {
    for (let sent = this.queue.shift(); sent; sent = this.queue.shift()) {
      const { from, to, payload } = sent
      const node = this.nodes.find(({ address, gone }) => address === to && !gone)
      node?.dht.receive(from, payload, from)
    }
  }

  private carryOut(node: TestDht, effect: Effect): void {
    if (effect.type === 'dht-settled') this.puts.set(effect.ticket, effect.failure ?? 'stored')
    else if (effect.type === 'dht-found') this.pages.set(effect.ticket, { records: effect.records, more: effect.more })
    else if (effect.type === 'dht-check') {
      const proved = effect.records.map((record) => !record.bound || this.options.proves?.(record))
      if (!proved.includes(undefined)) node.dht.proofs.checked(effect.check, proved as boolean[])
    }
  }
}
