/**
 * Nat: can two nodes behind these NATs have a direct channel, with the help of a STUN server and nothing else? The
 * kinds are RFC 4787's: how a NAT maps (§4.1) and how it filters (§5), each independent of the far endpoint, dependent
 * on its address, or on its address and port. The answer is not a table but the outcome of a small exchange of ICE
 * checks (RFC 8445) through two modelled NATs: each end sends to what it knows of the other, learns the source of what
 * arrives, and succeeds when an answer comes back from where the check was sent to.
 *
 * Left out: two nodes behind one NAT (hairpinning), carrier NAT above home NAT, port prediction, UPnP, IPv6, ICE-TCP.
 */
export const NAT_BEHAVIOURS = ['endpoint-independent', 'address-dependent', 'address-and-port-dependent'] as const
export type NatBehaviour = (typeof NAT_BEHAVIOURS)[number]

/** `none` is a public address without a filter; behind `udp-blocked` only the relay works. */
export type Nat = 'none' | 'udp-blocked' | { mapping: NatBehaviour; filtering: NatBehaviour }

export const NATS: readonly Nat[] = [
  'none',
  ...NAT_BEHAVIOURS.flatMap((mapping) => NAT_BEHAVIOURS.map((filtering) => ({ mapping, filtering }))),
  'udp-blocked',
]

export function natName(nat: Nat): string {
  return typeof nat === 'string' ? nat : `${nat.mapping}/${nat.filtering}`
}

export function parseNat(name: string): Nat | undefined {
  return NATS.find((nat) => natName(nat) === name)
}

/** Symmetric. Whether either end's check gets its answer. */
export function canConnectDirectly(a: Nat, b: Nat): boolean {
  if (a === 'udp-blocked' || b === 'udp-blocked') return false
  const ends = [new IceEnd('a', a), new IceEnd('b', b)] as const
  const reflected = ends.map((end) => end.send(STUN)) as [Place, Place]
  ends[0].learn(reflected[1])
  ends[1].learn(reflected[0])
  for (let round = 0; round < ROUNDS; round++) {
    for (const [from, to] of [ends, [ends[1], ends[0]] as const]) {
      for (const target of [...from.known]) if (check(from, to, target)) return true
    }
  }
  return false
}

type Place = { address: string; port: number }

const STUN: Place = { address: 'stun', port: 3478 }
/** Each round may teach each end one more place of the other; a pair that needs more chases ports for ever. */
const ROUNDS = 6

class IceEnd {
  readonly known: Place[] = []
  private readonly address: string
  private readonly nat: Exclude<Nat, 'udp-blocked'>
  /** The outer port for each far endpoint that the NAT tells apart. */
  private readonly ports = new Map<string, number>()
  /** Which far endpoints the NAT lets in at which outer port. */
  private readonly open = new Set<string>()

  constructor(address: string, nat: Exclude<Nat, 'udp-blocked'>) {
    this.address = address
    this.nat = nat
  }

  learn(place: Place): void {
    if (!this.known.some(({ port }) => port === place.port)) this.known.push(place)
  }

  /** Returns where the packet seems to come from. */
  send(to: Place): Place {
    const key = this.nat === 'none' ? '' : seenAs(this.nat.mapping, to)
    const port = this.ports.get(key) ?? this.ports.size + 1
    this.ports.set(key, port)
    if (this.nat !== 'none') this.open.add(`${port} ${seenAs(this.nat.filtering, to)}`)
    return { address: this.address, port }
  }

  admits(from: Place, port: number): boolean {
    if (this.nat === 'none') return port === 1
    return this.open.has(`${port} ${seenAs(this.nat.filtering, from)}`)
  }
}

function check(from: IceEnd, to: IceEnd, target: Place): boolean {
  const source = from.send(target)
  if (!to.admits(source, target.port)) return false
  to.learn(source)
  const answeredFrom = to.send(source)
  // An answer from elsewhere fails the check (RFC 8445 §7.2.5.2.1).
  return answeredFrom.port === target.port && from.admits(answeredFrom, source.port)
}

/** What a NAT of this behaviour sees of a far endpoint. */
function seenAs(behaviour: NatBehaviour, { address, port }: Place): string {
  switch (behaviour) {
    case 'endpoint-independent':
      return ''
    case 'address-dependent':
      return address
    case 'address-and-port-dependent':
      return `${address}:${port}`
  }
}
