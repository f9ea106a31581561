/**
 * SignOfLife: a ping or pong as bytes; see the table in wire.ts. They are nearly all that an idle ring sends, so they are
 * written and read in place, without a cursor.
 */
export const PING = 5
export const PONG = 6
/** The type, and a nonce. */
const SIGN_BYTES = 5

export type SignOfLife = { type: 'ping' | 'pong'; nonce: number }

export function isSignOfLife(bytes: Uint8Array): boolean {
  return bytes[0] === PING || bytes[0] === PONG
}

export function encodeSignOfLife({ type, nonce }: SignOfLife): Uint8Array {
  const bytes = new Uint8Array(SIGN_BYTES)
  bytes[0] = type === 'ping' ? PING : PONG
  bytes[1] = nonce >>> 24
  bytes[2] = nonce >>> 16
  bytes[3] = nonce >>> 8
  bytes[4] = nonce
  return bytes
}

export function decodeSignOfLife(bytes: Uint8Array): SignOfLife | undefined {
  if (bytes.length !== SIGN_BYTES) return undefined
  const high = ((bytes[1] as number) << 8) | (bytes[2] as number)
  const low = ((bytes[3] as number) << 8) | (bytes[4] as number)
  return { type: bytes[0] === PING ? 'ping' : 'pong', nonce: high * 65_536 + low }
}
