/** What is an XMPP server to a test, whoever wrote it? */
import type { RunningServer } from './foreground.ts'

/** Of every server here; each has rooms at `conference.` and its name. */
export const DOMAIN = 'localhost'
export const ANONYMOUS_DOMAIN = 'anon.localhost'

/** RFC 6120 §3.2.2: where a server is sought that DNS says nothing of. */
export const S2S_PORT = 5269

export type XmppServer = RunningServer & {
  /** The URL of its WebSocket. */
  readonly service: string
  /** Where accounts can be registered. */
  readonly domain: string
  readonly anonymousDomain: string
}

/** A server of which another one knows by its domain, a loopback address. It has accounts, and no rooms. */
export type FederatedServer = Omit<XmppServer, 'anonymousDomain'>

export type XmppServerOptions = {
  /** The IP that it listens at; loopback's by default. */
  host?: string
  /** What it tells of, with passwords made of the secret (XEP-0215). */
  turn?: { host: string; port: number; tlsPort: number; secret: string }
}

export function serviceAt(host: string, port: number): string {
  return `ws://${host}:${port}/xmpp-websocket`
}
