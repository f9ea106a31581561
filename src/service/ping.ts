/** Is somebody there (XEP-0199)? Whoever answers a ping answers with an empty result. */
export const PING_NS = 'urn:xmpp:ping'
