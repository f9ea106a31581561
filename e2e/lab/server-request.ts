/** What the lab asks of its server, and what the server says when it is up; each one line of JSON. */
export const SERVERS = ['prosody', 'ejabberd', 'embedded'] as const
export type ServerName = (typeof SERVERS)[number]

export type ServerRequest = {
  /** The IP of everything. */
  host: string
  server: ServerName
  coturn: boolean
  /** Where the built app is. */
  folder: string
}

export type ServerReport = {
  /** The app's page. */
  url: string
  /** The WebSocket of the XMPP server. */
  service: string
  /** Where strangers come in anonymously. */
  domain: string
}
