/**
 * LabNetwork: a small Internet of network namespaces, for one run of the lab.
 *
 *   peer 1 eth0 ── lan nat 1 wan ──┐
 *      10.0.1.2      198.51.100.11 │
 *   peer 2 ─────────── nat 2 ──────┼── bridge ── eth0 server
 *      …                           │  (public)      198.51.100.1
 *   peer N ─────────── nat N ──────┘
 *
 * All interfaces lie within the namespaces, whose names begin with the process id, so that two runs do not meet and
 * nothing is left when the namespaces are gone. The bridge's segment is 198.51.100.0/24 (TEST-NET-2, RFC 5737), and its
 * cables are short until lab-distance makes them long.
 */
import { attempt, command } from './command.ts'
import type { Cable, Segment } from './lab-distance.ts'
import { type NatKind, natRules } from './nat-rules.ts'

export const SERVER_IP = '198.51.100.1'
/** Addresses are counted from .11 on, and those that a router moves to from .111 on. */
export const MAX_LAB_PEERS = 60

const NAME = /^overture-(\d+)-/
/** Whatever has come to the far side of a kill is gone within it. A guess. */
const KILL_PATIENCE_MS = 2_000

export class LabNetwork {
  readonly nats: readonly NatKind[]
  private readonly prefix = `overture-${process.pid}-`
  private readonly moves = new Map<number, number>()
  private readonly cables: Cable[] = []

  /** Throws when the system refuses; `remove` is due then too. */
  constructor(nats: readonly NatKind[]) {
    this.nats = nats
    removeLeftovers()
    const numbers = nats.map((_, index) => index + 1)
    const names = ['public', 'server', ...numbers.flatMap((number) => [`nat${number}`, `peer${number}`])]
    try {
      batch(
        [],
        names.map((name) => `netns add ${this.prefix}${name}`),
      )
      for (const name of names) this.ip(name, ['link set lo up'])
      this.ip('public', ['link add bridge type bridge', 'link set bridge up'])
      this.attach('server', 'eth0', 'server', `${SERVER_IP}/24`)
      for (const number of numbers) this.addPeer(number)
    } catch (error) {
      this.remove()
      throw error
    }
  }

  get server(): string {
    return `${this.prefix}server`
  }

  peer(index: number): string {
    return `${this.prefix}peer${index + 1}`
  }

  get segment(): Segment {
    return { namespace: `${this.prefix}public`, bridge: 'bridge', cables: this.cables }
  }

  /** Gives the peer's router another public address and the peer another private one; all their mappings are gone. */
  move(index: number, what: { wan: boolean; lan: boolean }): void {
    const number = index + 1
    const before = this.moves.get(number) ?? 0
    this.moves.set(number, before + 1)
    if (what.lan) {
      const [old, fresh] = [before, before + 1].map((moves) => privateIp(number, moves))
      this.ip(`peer${number}`, [
        `addr del ${old}/24 dev eth0`,
        `addr add ${fresh}/24 dev eth0`,
        `route replace default via 10.0.${number}.1`,
      ])
      this.filter(number, fresh as string)
    }
    if (what.wan) {
      // The kernel forgets what was masqueraded behind an address that goes.
      const [old, fresh] = [before, before + 1].map((moves) => publicIp(number, moves))
      this.ip(`nat${number}`, [`addr del ${old}/24 dev wan`, `addr add ${fresh}/24 dev wan`])
    }
  }

  /** Ends whatever runs in the namespaces, and them. Synchronous, so that it can be the last thing done. Idempotent. */
  remove(): void {
    removeAll(namespaces().filter((name) => name.startsWith(this.prefix)))
  }

  private addPeer(number: number): void {
    this.attach(`nat${number}`, 'wan', `nat${number}`, `${publicIp(number, 0)}/24`)
    this.ip(`nat${number}`, [
      `link add lan type veth peer name eth0 netns ${this.prefix}peer${number}`,
      `addr add 10.0.${number}.1/24 dev lan`,
      'link set lan up',
    ])
    this.ip(`peer${number}`, [
      `addr add ${privateIp(number, 0)}/24 dev eth0`,
      'link set eth0 up',
      `route add default via 10.0.${number}.1`,
    ])
    for (const name of [`nat${number}`, `peer${number}`]) this.sysctl(name, 'net.ipv6.conf.all.disable_ipv6=1')
    this.sysctl(`nat${number}`, 'net.ipv4.ip_forward=1')
    this.filter(number, privateIp(number, 0))
  }

  private filter(number: number, peer: string): void {
    const rules = natRules(this.nats[number - 1] as NatKind, peer)
    command('ip', ['netns', 'exec', `${this.prefix}nat${number}`, 'nft', '-f', '-'], rules)
  }

  /** A cable from the namespace to a port of the bridge. */
  private attach(name: string, device: string, port: string, address: string): void {
    this.ip(name, [
      `link add ${device} type veth peer name ${port} netns ${this.prefix}public`,
      `addr add ${address} dev ${device}`,
      `link set ${device} up`,
    ])
    this.ip('public', [`link set ${port} master bridge`, `link set ${port} up`])
    this.cables.push({ namespace: `${this.prefix}${name}`, device, port })
  }

  private ip(name: string, lines: string[]): void {
    batch(['-n', `${this.prefix}${name}`], lines)
  }

  private sysctl(name: string, setting: string): void {
    command('ip', ['netns', 'exec', `${this.prefix}${name}`, 'sysctl', '-q', '-w', setting])
  }
}

/** What runs that were killed have left behind: their process is gone and their namespaces are not. */
function removeLeftovers(): void {
  removeAll(namespaces().filter((name) => !isAlive(Number(NAME.exec(name)?.[1]))))
}

function removeAll(names: string[]): void {
  for (const pid of processesIn(names)) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It ended by itself in the meantime.
    }
  }
  const givenUpMs = Date.now() + KILL_PATIENCE_MS
  while (Date.now() < givenUpMs && processesIn(names).length > 0);
  for (const name of names) attempt('ip', ['netns', 'del', name])
}

function processesIn(names: string[]): number[] {
  return names.flatMap((name) => attempt('ip', ['netns', 'pids', name]).split('\n').filter(Boolean).map(Number))
}

function namespaces(): string[] {
  const names = attempt('ip', ['netns', 'list'])
    .split('\n')
    .map((line) => line.split(' ')[0] as string)
  return names.filter((name) => NAME.test(name))
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

function batch(options: string[], lines: string[]): void {
  command('ip', [...options, '-batch', '-'], lines.join('\n'))
}

function publicIp(number: number, moves: number): string {
  return `198.51.100.${(moves % 2 === 0 ? 10 : 110) + number}`
}

function privateIp(number: number, moves: number): string {
  return `10.0.${number}.${2 + (moves % 2)}`
}
