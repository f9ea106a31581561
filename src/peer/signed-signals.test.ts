import { describe, expect, test, vi } from 'vitest'
import type { Address } from '../overlay/address.ts'
import { type Identity, identityOf } from '../security/identity.ts'
import { MAX_UNDER_WAY, SignedSignals } from './signed-signals.ts'

const SIGNAL = Uint8Array.of(1, 2, 3)

async function end(value: number, namespaceHash = 'c0ffee') {
  const identity: Identity = await identityOf(new Uint8Array(32).fill(value))
  const signals = new SignedSignals({ identity, namespaceHash })
  const sent: { to: Address; signed: Uint8Array; attempt: number }[] = []
  const heard: [Address, Uint8Array][] = []
  signals.carryBy({
    send: (to, signed, attempt) => sent.push({ to, signed, attempt }),
    receive: (from, signal) => heard.push([from, signal]),
  })
  return { address: identity.address, signals, sent, heard }
}

async function signedBy(from: Awaited<ReturnType<typeof end>>, to: Address): Promise<Uint8Array> {
  from.signals.send(to, SIGNAL, 2, true)
  await vi.waitFor(() => expect(from.sent).toHaveLength(1))
  return from.sent[0]?.signed as Uint8Array
}

describe('a signal through the ring', () => {
  test('is heard as it was said, from whom it was', async () => {
    const [one, two] = [await end(1), await end(2)]
    two.signals.receive(one.address, await signedBy(one, two.address), false)
    await vi.waitFor(() => expect(two.heard).toEqual([[one.address, SIGNAL]]))
    expect(one.sent[0]?.attempt).toBe(2)
  })

  test('is not when it was changed anywhere', async () => {
    const [one, two] = [await end(1), await end(2)]
    const signed = await signedBy(one, two.address)
    for (const at of [1, 40, 98]) {
      const changed = signed.slice()
      changed[at] = (changed[at] as number) ^ 1
      two.signals.receive(one.address, changed, false)
    }
    await vi.waitFor(() => expect(two.signals.dropped.get('forged')).toBe(3))
    expect(two.heard).toEqual([])
  })

  test('is not when it is said to be another’s, was for another, or is of another namespace', async () => {
    const [one, two, three, four] = [await end(1), await end(2), await end(3), await end(2, 'decaf')]
    const signed = await signedBy(one, two.address)
    two.signals.receive(three.address, signed, false)
    three.signals.receive(one.address, signed, false)
    four.signals.receive(one.address, signed, false)
    await vi.waitFor(() => {
      for (const { signals } of [two, three, four]) expect(signals.dropped.get('forged')).toBe(1)
    })
    expect([two.heard, three.heard, four.heard]).toEqual([[], [], []])
  })

  test('needs no signature over the sender’s own link, and is not believed by another way without', async () => {
    const [one, two] = [await end(1), await end(2)]
    one.signals.send(two.address, SIGNAL, 0, true)
    const signed = one.sent[0]?.signed as Uint8Array
    two.signals.receive(one.address, signed, false)
    expect([two.heard, two.signals.dropped.get('unsigned')]).toEqual([[], 1])
    two.signals.receive(one.address, signed, true)
    expect(two.heard).toEqual([[one.address, SIGNAL]])
  })

  test('is signed where there is no link, and when it is said again', async () => {
    const [one, two] = [await end(1), await end(2)]
    one.signals.send(two.address, SIGNAL, 0, false)
    one.signals.send(two.address, SIGNAL, 1, true)
    await vi.waitFor(() => expect(one.sent).toHaveLength(2))
    for (const { signed } of one.sent) two.signals.receive(one.address, signed, false)
    await vi.waitFor(() => expect(two.heard).toHaveLength(2))
  })

  test('is not when it is not signed', async () => {
    const [one, two] = [await end(1), await end(2)]
    two.signals.receive(one.address, SIGNAL, false)
    two.signals.receive(one.address, new Uint8Array(), false)
    expect(two.signals.dropped.get('unsigned')).toBe(2)
  })

  test('of which too many come at once are counted and dropped', async () => {
    const [one, two] = [await end(1), await end(2)]
    const signed = await signedBy(one, two.address)
    for (let count = 0; count <= MAX_UNDER_WAY; count++) two.signals.receive(one.address, signed, false)
    expect(two.signals.dropped.get('too many at once')).toBe(1)
    await vi.waitFor(() => expect(two.heard).toHaveLength(MAX_UNDER_WAY))
  })
})
