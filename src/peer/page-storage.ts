/** Storage in the page (IndexedDB, by idb-keyval), or in memory where there is none: in Node, or in a private window. */
import { createStore, del, get, set } from 'idb-keyval'
import type { Storage } from '../ports.ts'
import { memoryStorage } from '../xmpp/memory-storage.ts'

export function pageStorage(): Storage {
  if (typeof indexedDB === 'undefined') return memoryStorage()
  const store = createStore('overture', 'values')
  return {
    get: (key) => get(key, store),
    set: (key, value) => set(key, value, store),
    delete: (key) => del(key, store),
  }
}
