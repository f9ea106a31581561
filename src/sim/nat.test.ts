import { describe, expect, test } from 'vitest'
import { canConnectDirectly, NATS, type Nat, natName, parseNat } from './nat.ts'

/** How a NAT maps, and how it filters: E is endpoint-independent, A address-dependent, P address-and-port-dependent. */
const KINDS: Record<string, Nat> = {
  none: 'none',
  EE: { mapping: 'endpoint-independent', filtering: 'endpoint-independent' },
  EA: { mapping: 'endpoint-independent', filtering: 'address-dependent' },
  EP: { mapping: 'endpoint-independent', filtering: 'address-and-port-dependent' },
  AE: { mapping: 'address-dependent', filtering: 'endpoint-independent' },
  AA: { mapping: 'address-dependent', filtering: 'address-dependent' },
  AP: { mapping: 'address-dependent', filtering: 'address-and-port-dependent' },
  PE: { mapping: 'address-and-port-dependent', filtering: 'endpoint-independent' },
  PA: { mapping: 'address-and-port-dependent', filtering: 'address-dependent' },
  PP: { mapping: 'address-and-port-dependent', filtering: 'address-and-port-dependent' },
  blocked: 'udp-blocked',
}

/**
 * Reasoned by hand, check by check. The reflexive candidate of an end that maps alike for all (E.) is true, so two such
 * ends always meet. The others' is false: they must be met by who lets them in unforeseen, and then be answered from the
 * port that they sent to. An end that asks for the port (.P) shuts out all whose port it could not foresee, and two whose
 * ports change with each other's ports (P.) chase each other for ever.
 */
const MATRIX: Record<string, string> = {
  none: '   + + + + + + + + + + -',
  EE: '     + + + + + + + + + + -',
  EA: '     + + + + + + + + + + -',
  EP: '     + + + + - - - - - - -',
  AE: '     + + + - + + - + + - -',
  AA: '     + + + - + - - + - - -',
  AP: '     + + + - - - - - - - -',
  PE: '     + + + - + + - - - - -',
  PA: '     + + + - + - - - - - -',
  PP: '     + + + - - - - - - - -',
  blocked: '- - - - - - - - - - -',
}

describe('two nodes behind NATs, with STUN and nothing else', () => {
  for (const [name, row] of Object.entries(MATRIX)) {
    test(`of which one is ${name}`, () => {
      const found = Object.keys(KINDS).map((other) =>
        canConnectDirectly(KINDS[name] as Nat, KINDS[other] as Nat) ? '+' : '-',
      )
      expect(found).toEqual(row.trim().split(/ +/))
    })
  }

  test('can connect in the one direction when they can in the other', () => {
    for (const a of NATS) for (const b of NATS) expect(canConnectDirectly(a, b)).toBe(canConnectDirectly(b, a))
  })

  test('need a relay when either is behind one that blocks UDP', () => {
    for (const nat of NATS) expect(canConnectDirectly(nat, 'udp-blocked')).toBe(false)
  })
})

test('every kind of NAT has a name that is read again', () => {
  for (const nat of NATS) expect(parseNat(natName(nat))).toEqual(nat)
  expect(new Set(NATS.map(natName)).size).toBe(11)
  expect(parseNat('cone')).toBeUndefined()
})
