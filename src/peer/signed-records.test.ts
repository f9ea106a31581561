import { describe, expect, test } from 'vitest'
import type { Address } from '../overlay/address.ts'
import type { DhtRecord } from '../overlay/dht-record.ts'
import { identityOf } from '../security/identity.ts'
import { SignedRecords } from './signed-records.ts'

const KEY = '12'.repeat(20) as Address
const VALUE = new TextEncoder().encode('here')

async function writer(seed: number, namespaceHash = 'c0ffee') {
  const identity = await identityOf(new Uint8Array(32).fill(seed))
  return { identity, signed: new SignedRecords({ identity, namespaceHash }) }
}

async function bound(): Promise<DhtRecord> {
  const { signed } = await writer(1)
  const said = { key: KEY, value: VALUE, version: 5, withdrawn: false }
  return { ...said, bound: await signed.bind(said), leftMs: 1_000 }
}

describe('what is bound to a writer', () => {
  test('is believed by everybody of the namespace', async () => {
    const record = await bound()
    const { signed } = await writer(2)
    expect(await signed.check([record, { ...record, bound: undefined }])).toEqual([true, true])
    expect(record.bound?.writer).toBe((await writer(1)).identity.address)
  })

  test('is not believed once anything of it is otherwise', async () => {
    const record = await bound()
    const { signed } = await writer(2)
    const other = (await writer(3)).identity.address
    const proof = record.bound?.proof as Uint8Array
    const changed: DhtRecord[] = [
      { ...record, key: '14'.repeat(20) as Address },
      { ...record, value: Uint8Array.of(1) },
      { ...record, version: 6 },
      { ...record, withdrawn: true },
      { ...record, bound: { writer: other, proof } },
      { ...record, bound: { writer: record.bound?.writer as Address, proof: proof.map((byte) => byte ^ 1) } },
      { ...record, bound: { writer: record.bound?.writer as Address, proof: proof.slice(1) } },
    ]
    expect(await signed.check(changed)).toEqual(changed.map(() => false))
    expect([...signed.dropped.values()].reduce((all, count) => all + count, 0)).toBe(changed.length)
  })

  test('is not believed in another namespace', async () => {
    const { signed } = await writer(2, 'decaf')
    expect(await signed.check([await bound()])).toEqual([false])
  })
})
