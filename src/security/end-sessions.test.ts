import { describe, expect, test } from 'vitest'
import { type Address, nodeAddress } from '../overlay/address.ts'
import { EndSession } from './end-session.ts'
import { EndSessions, MAX_KNOWN } from './end-sessions.ts'

const filled = (value: number) => new Uint8Array(32).fill(value)
const HELLO = Uint8Array.of(1, 2, 3)
const addressAt = (number: number): Address => nodeAddress(Uint8Array.from({ length: 20 }, (_, at) => number >> at))
const FAR = addressAt(7)

/** Our end and theirs of one more introduction. */
function session(number: number): [ours: EndSession, theirs: EndSession] {
  const shared = { remote: filled(0), hash: filled(number) }
  return [
    new EndSession({ ...shared, sending: filled(1), receiving: filled(2) }),
    new EndSession({ ...shared, sending: filled(2), receiving: filled(1) }),
  ]
}

function known() {
  const confirmed: Address[] = []
  return { confirmed, sessions: new EndSessions((far) => confirmed.push(far)) }
}

describe('keys', () => {
  test('that the far end may not have yet open what it sends, and seal only then', () => {
    const { sessions, confirmed } = known()
    const [ours, theirs] = session(1)
    sessions.addFresh(FAR, ours)
    expect([sessions.knows(FAR), sessions.seal(FAR, HELLO)]).toEqual([false, undefined])
    expect(sessions.open(FAR, theirs.seal(HELLO) as Uint8Array)).toEqual(HELLO)
    expect(confirmed).toEqual([FAR])
    expect(theirs.open(sessions.seal(FAR, HELLO) as Uint8Array)).toEqual(HELLO)
  })

  test('are not confirmed by what somebody made up', () => {
    const { sessions, confirmed } = known()
    const [ours, theirs] = session(1)
    sessions.addFresh(FAR, ours)
    const changed = (theirs.seal(HELLO) as Uint8Array).map((byte, at) => (at === 12 ? byte ^ 1 : byte))
    expect(sessions.open(FAR, changed)).toBe('forged')
    expect([confirmed, sessions.knows(FAR)]).toEqual([[], false])
  })

  test('that were replaced still open what is late, those before them nothing', () => {
    const { sessions } = known()
    const made = [1, 2, 3].map(session)
    for (const [ours] of made) sessions.add(FAR, ours)
    const opened = made.map(([, theirs]) => sessions.open(FAR, theirs.seal(HELLO) as Uint8Array))
    expect(opened).toEqual(['unknown session', HELLO, HELLO])
  })

  test('of one node open nothing in the name of another', () => {
    const { sessions } = known()
    const [ours, theirs] = session(1)
    sessions.add(FAR, ours)
    expect(sessions.open(addressAt(9), theirs.seal(HELLO) as Uint8Array)).toBe('unknown session')
  })

  test('are kept for so many nodes and no more: whoever was not spoken with for longest is forgotten', () => {
    const { sessions } = known()
    const all = Array.from({ length: MAX_KNOWN }, (_, number) => addressAt(2 * number + 2))
    for (const far of all) sessions.add(far, session(1)[0])
    const [first, second] = all as [Address, Address]
    sessions.seal(first, HELLO)
    sessions.add(addressAt(1_000_000), session(2)[0])
    expect([sessions.knows(first), sessions.knows(second)]).toEqual([true, false])
  })
})
