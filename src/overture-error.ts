/** Expected failures: a stable `code` for programs, and a sentence that says what is wrong and what to do. */
export type ErrorCode =
  | 'bad-link'
  | 'bad-namespace'
  | 'bad-service'
  | 'service-not-found'
  | 'server-unreachable'
  | 'not-xmpp'
  | 'wrong-password'
  | 'service-unproven'
  | 'no-way-in'
  | 'no-public-ring'
  | 'registration-refused'
  | 'not-connected'
  | 'message-too-large'
  | 'too-much-unsent'
  | 'relay-too-slow'
  | 'unreachable'
  | 'value-too-large'
  | 'bad-lease'
  | 'value-taken'
  | 'dht-full'
  | 'left'

export class OvertureError extends Error {
  readonly code: ErrorCode
  /** Whether the same call can succeed later with nothing changed but the world. */
  readonly retryable: boolean

  private constructor(code: ErrorCode, sentence: string, retryable: boolean) {
    super(sentence)
    this.name = 'OvertureError'
    this.code = code
    this.retryable = retryable
  }

  static badLink(why: string) {
    return new OvertureError('bad-link', `This is not a link to a space: ${why}. Ask for the link again.`, false)
  }
  static badNamespace(why: string) {
    return new OvertureError('bad-namespace', `This name cannot be used for a space: ${why}.`, false)
  }
  static badService(service: string) {
    return new OvertureError(
      'bad-service',
      `“${withoutPassword(service)}” is not the address of an XMPP service. It should look like wss://example.org/xmpp-websocket, or be a domain such as example.org.`,
      false,
    )
  }
  static badAccount(jid: string) {
    return new OvertureError(
      'bad-service',
      `“${jid}” is not an XMPP account. It should look like name@example.org.`,
      false,
    )
  }
  static unsafePassword(service: string) {
    return new OvertureError(
      'bad-service',
      `A password must not travel unencrypted to ${service}. Use the service's wss:// address.`,
      false,
    )
  }
  static unencrypted(service: string) {
    return new OvertureError(
      'bad-service',
      `This page speaks unencrypted to its own machine alone, and ${service} is elsewhere. Use the service's wss:// address.`,
      false,
    )
  }
  static unknownDomain(service: string, domain: string) {
    return new OvertureError(
      'bad-service',
      `The XMPP service at ${service} does not serve the domain ${domain}. Give the domain that belongs to it.`,
      false,
    )
  }
  static serviceNotFound(host: string, why: string) {
    return new OvertureError(
      'service-not-found',
      `${host} does not say where a page reaches its XMPP service (${why}). Give that address instead (wss://…), or ask its operator to add it to /.well-known/host-meta.json there, readable from any page (XEP-0156).`,
      true,
    )
  }
  static serverUnreachable(service: string) {
    return new OvertureError(
      'server-unreachable',
      `The XMPP service at ${service} does not answer. Check the address and your network, or wait until it is back.`,
      true,
    )
  }
  static serverRefused(service: string, condition: string) {
    return new OvertureError(
      'server-unreachable',
      `The XMPP service at ${service} does not let us in at the moment (${condition}). It may do so later.`,
      true,
    )
  }
  static notXmpp(service: string, why: string) {
    return new OvertureError(
      'not-xmpp',
      `What answers at ${service} does not speak XMPP over WebSocket (${why}).`,
      true,
    )
  }
  static wrongPassword(jid: string) {
    return new OvertureError(
      'wrong-password',
      `The service does not accept this password for ${jid}. Enter it again.`,
      false,
    )
  }
  static noWayIn(domain: string) {
    return new OvertureError(
      'no-way-in',
      `${domain} lets nobody in without an account and does not let this page make one. Sign in with an account of your own.`,
      false,
    )
  }
  static noPasswordAccepted(domain: string) {
    return new OvertureError(
      'no-way-in',
      `${domain} takes passwords in no way that this page has: SCRAM, which pages have over https or on localhost, or PLAIN. Ask its operator, or use another service.`,
      false,
    )
  }
  static unprovenService(domain: string, why: string) {
    return new OvertureError(
      'service-unproven',
      `What answers for ${domain} has not proved that it knows your password (${why}). It may be somebody else: do not go on before its operator has explained it.`,
      false,
    )
  }
  static registrationRefused(domain: string, condition: string) {
    return new OvertureError(
      'registration-refused',
      `${domain} refused to make an account (${condition}). Sign in with an account of your own, or try later.`,
      true,
    )
  }
  static notConnected() {
    return new OvertureError('not-connected', 'There is nobody in this space yet to send to.', true)
  }
  static messageTooLarge(size: number, limit: number) {
    return new OvertureError(
      'message-too-large',
      `A message may have ${limit} bytes and this one has ${size}. Send it in parts.`,
      false,
    )
  }
  static tooMuchUnsent(limit: number) {
    return new OvertureError(
      'too-much-unsent',
      `${limit} bytes wait to be sent to this peer. Wait for earlier sends to finish before sending more.`,
      true,
    )
  }
  /** `address` is undefined for a message to all. */
  static relayTooSlow(address: string | undefined, bytesPerS: number) {
    const whom = address === undefined ? 'Some of this space are' : `${address.slice(0, 8)} is`
    const pace = bytesPerS < 10_000 ? (bytesPerS / 1_000).toFixed(1) : Math.round(bytesPerS / 1_000)
    return new OvertureError(
      'relay-too-slow',
      `${whom} reached only through the XMPP service, which carries about ${pace} kB a second for all messages of this page. Send less at once, or use a service that offers a TURN server.`,
      true,
    )
  }
  static unreachable(address: string) {
    return new OvertureError(
      'unreachable',
      `${address.slice(0, 8)} did not acknowledge the message: it has left or cannot be reached.`,
      true,
    )
  }
  /** A message to all. */
  static nobodyReached() {
    return new OvertureError(
      'unreachable',
      'Nobody of those next to us acknowledged the message: they have left or cannot be reached.',
      true,
    )
  }
  static noPublicRing(name: string) {
    return new OvertureError(
      'no-public-ring',
      `This space is inside the public ring “${name}”, and this page joins no public ring. Ask whoever runs it to allow that, or open the link where it was made.`,
      false,
    )
  }
  static valueTooLarge(size: number, limit: number) {
    return new OvertureError(
      'value-too-large',
      `A value may have ${limit} bytes and this one has ${size}. Send it to whoever needs it, and keep here where it is to be had.`,
      false,
    )
  }
  static badLease(ttlMs: number, minMs: number, maxMs: number) {
    return new OvertureError(
      'bad-lease',
      `A value stays for ${minMs} to ${maxMs} milliseconds, and ${ttlMs} were asked for. Ask for less, and have it renewed.`,
      false,
    )
  }
  static valueTaken(key: string) {
    return new OvertureError('value-taken', `There is another value under “${key}” already. Use another key.`, false)
  }
  static dhtFull(why: string) {
    return new OvertureError('dht-full', `The value was not kept: ${why}. Try again later, or keep less.`, true)
  }
  static valuesUnreachable(key: string) {
    return new OvertureError(
      'unreachable',
      `Nobody answers for what is under “${key}”: the ring is changing, or we are not in it. Try again in a moment.`,
      true,
    )
  }
  static left() {
    return new OvertureError('left', 'You have left this space.', false)
  }
}

/** An address can have a password in it, by mistake or by malice; errors are shown, and end up in logs. */
function withoutPassword(service: string): string {
  return service.replace(/:(?!\/\/).*@/s, ':…@')
}
