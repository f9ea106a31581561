/** Storage that lives as long as the page or process: for tests, and where nothing else may be used. */
import type { Storage } from '../ports.ts'

export function memoryStorage(): Storage {
  const values = new Map<string, unknown>()
  return {
    get: async (key) => values.get(key),
    set: async (key, value) => {
      values.set(key, value)
    },
    delete: async (key) => {
      values.delete(key)
    },
  }
}
