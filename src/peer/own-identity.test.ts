import { describe, expect, test } from 'vitest'
import { memoryStorage } from '../xmpp/memory-storage.ts'
import { ownIdentity } from './own-identity.ts'

const HASH = 'c0ffee'

describe('our own identity', () => {
  test('is the same when we come back to the namespace', async () => {
    const storage = memoryStorage()
    const first = await ownIdentity(storage, HASH)
    first.release()
    expect((await ownIdentity(storage, HASH)).identity.address).toBe(first.identity.address)
  })

  test('is another for a second one at the same time, and the first keeps its own', async () => {
    const storage = memoryStorage()
    const first = await ownIdentity(storage, HASH)
    const second = await ownIdentity(storage, HASH)
    expect(second.identity.address).not.toBe(first.identity.address)
    second.release()
    first.release()
    expect((await ownIdentity(storage, HASH)).identity.address).toBe(first.identity.address)
  })

  test('is another in another namespace, so that nobody can tell that it is us', async () => {
    const storage = memoryStorage()
    const { identity } = await ownIdentity(storage, HASH)
    expect((await ownIdentity(storage, 'decaf')).identity.address).not.toBe(identity.address)
  })

  test('is a new one where what is kept is no seed, and where nothing can be kept', async () => {
    const storage = memoryStorage()
    await storage.set(`overture-identity:${HASH}`, 'nonsense')
    const first = await ownIdentity(storage, HASH)
    first.release()
    expect((await ownIdentity(storage, HASH)).identity.address).toBe(first.identity.address)
    const full = { ...memoryStorage(), set: () => Promise.reject(new Error('full')) }
    expect((await ownIdentity(full, HASH)).identity.address).toBeDefined()
  })
})
