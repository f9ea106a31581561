/**
 * What does a router do to its peer's packets? The kinds of NAT, in the words of RFC 4787, as rules for nft:
 *
 *   kind         mapping (§4.1)            filtering (§5)              otherwise called
 *   cone         endpoint-independent      endpoint-independent        full cone
 *   restricted   endpoint-independent      address and port-dependent  port-restricted cone; most of homes
 *   symmetric    address and port-dep.     address and port-dependent  symmetric; carriers, offices
 *   udp-blocked  (TCP as `restricted`)     no UDP at all               hotels, strict firewalls
 */

export const NAT_KINDS = ['cone', 'restricted', 'symmetric', 'udp-blocked'] as const
export type NatKind = (typeof NAT_KINDS)[number]

/** RFC 4787 §4.3: a mapping lasts for two minutes at least. */
const MAPPING_LIFE = '5m'

/** Rules for a router with the interfaces `wan` and `lan`; they replace those that it has. `peer` is the inner IP. */
export function natRules(kind: NatKind, peer: string): string {
  const random = kind === 'symmetric' ? ' random,fully-random' : ''
  return `
table ip nat_of_lab
delete table ip nat_of_lab
table ip nat_of_lab {
  set mapped {
    type inet_service
    flags dynamic,timeout
    timeout ${MAPPING_LIFE}
  }
  chain before_routing {
    type nat hook prerouting priority dstnat; policy accept;
    ${kind === 'cone' ? `iifname "wan" udp dport @mapped dnat to ${peer}` : ''}
  }
  chain after_routing {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "wan" masquerade${random}
  }
  chain forwarded {
    type filter hook forward priority filter; policy accept;
    ${kind === 'udp-blocked' ? 'meta l4proto udp drop' : ''}
    iifname "lan" ip daddr { 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 } drop
    iifname "lan" meta l4proto udp update @mapped { udp sport }
    ${kind === 'cone' ? 'iifname "wan" ct status dnat accept' : ''}
    iifname "wan" ct state new drop
  }
  chain incoming {
    type filter hook input priority filter; policy accept;
    iifname "wan" ct state new drop
  }
}
`
}

/** The kinds of the peers' routers, in order, when all kinds are wanted; one in eight lets no UDP through. */
const MIXED: readonly NatKind[] = [
  'restricted',
  'symmetric',
  'cone',
  'restricted',
  'udp-blocked',
  'symmetric',
  'cone',
  'restricted',
]

export type NatChoice = NatKind | 'mixed'

export function natKinds(choice: NatChoice, peers: number): NatKind[] {
  return Array.from({ length: peers }, (_, index) =>
    choice === 'mixed' ? (MIXED[index % MIXED.length] as NatKind) : choice,
  )
}

export type PairExpectation = 'direct' | 'turn' | 'relay'

/** How two behind these NATs can be linked at best: what ICE can do there (RFC 5128 §3.3, RFC 8445). */
export function bestOf(a: NatKind, b: NatKind, turn: boolean): PairExpectation {
  const kinds = [a, b]
  const indirect = turn ? 'turn' : 'relay'
  if (kinds.includes('udp-blocked')) return indirect
  // The one's mapping towards the other is not what the server saw, and the other lets nobody else in.
  if (kinds.includes('symmetric') && !kinds.includes('cone')) return indirect
  return 'direct'
}
