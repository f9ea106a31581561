/**
 * Own identity: the same one whenever this browser profile comes back to the namespace, but never for two at once: who
 * comes while another tab has it, as a copied tab does, gets a new one for as long as it lives.
 */
import type { Storage } from '../ports.ts'
import { type Identity, identityOf, SEED_BYTES } from '../security/identity.ts'
import { randomBytes } from './randomness.ts'

/** Held by those of this process where there are no locks: one storage may be shared by several peers. */
const held = new WeakMap<Storage, Set<string>>()

export type OwnIdentity = {
  identity: Identity
  /** From now on another may have it. */
  release(): void
}

/** `namespaceHash`: 40 hex digits. Where nothing can be stored the identity is a new one; never rejects for that. */
export async function ownIdentity(storage: Storage, namespaceHash: string): Promise<OwnIdentity> {
  const name = `overture-identity:${namespaceHash}`
  const release = await lock(storage, name)
  if (!release) return { identity: await identityOf(randomBytes(SEED_BYTES)), release: () => {} }
  const seed = (await kept(storage, name)) ?? randomBytes(SEED_BYTES)
  // A tab that cannot keep it is a stranger the next time, and as good as any.
  await storage.set(name, seed).catch(() => {})
  return { identity: await identityOf(seed), release }
}

async function kept(storage: Storage, name: string): Promise<Uint8Array | undefined> {
  const seed = await storage.get(name).catch(() => undefined)
  return seed instanceof Uint8Array && seed.length === SEED_BYTES ? seed : undefined
}

/** Undefined where somebody has it. Tabs of other browsers are kept apart by their storage. */
async function lock(storage: Storage, name: string): Promise<(() => void) | undefined> {
  const names = held.get(storage) ?? new Set()
  held.set(storage, names)
  if (names.has(name)) return undefined
  names.add(name)
  const unlock = typeof navigator === 'undefined' || !navigator.locks ? () => {} : await tabLock(name)
  if (!unlock) {
    names.delete(name)
    return undefined
  }
  return () => {
    names.delete(name)
    unlock()
  }
}

/** The browser gives it up for us when the tab is gone, however it went. */
function tabLock(name: string): Promise<(() => void) | undefined> {
  return new Promise((resolve) => {
    navigator.locks
      .request(name, { ifAvailable: true }, (granted) => {
        if (!granted) {
          resolve(undefined)
          return
        }
        return new Promise<void>((unlock) => resolve(unlock))
      })
      // A page that may have no locks: it shares its storage with nobody whom it could ask.
      .catch(() => resolve(undefined))
  })
}
