/** What a session is told, and what it tells of itself. */
import type { Clock, Random, Storage } from '../ports.ts'

export type SessionOptions = {
  /** wss://… or ws://…, or a domain that says where its service is (XEP-0156). */
  service: string
  /** The service's host unless told; `localhost` for an IP address. */
  domain?: string
  /** The user's account; without it we come as a stranger. */
  jid?: string
  password?: string
  /** What we ask for; the service may give another. */
  resource: string
  storage: Storage
  /** Must be unpredictable: it makes passwords. */
  random: Random
  clock?: Clock
}

export type SessionState =
  | { name: 'online'; jid: string }
  | { name: 'connecting' }
  | { name: 'offline'; reason: string; retryAtMs: number | undefined }
