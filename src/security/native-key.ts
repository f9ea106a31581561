/** Native key: a secret key of a curve of RFC 8410 as WebCrypto has it, which takes and gives such keys in formats alone. */
import { concatBytes } from '@noble/hashes/utils.js'

/** The last arc of each curve's object identifier, 1.3.101.x (RFC 8410 §3). */
const ARCS = { X25519: 0x6e, Ed25519: 0x70 } as const

/** Of 32 bytes. Rejects where WebCrypto does not know the curve, or is not to be had. */
export async function nativePrivateKey(
  curve: keyof typeof ARCS,
  secret: Uint8Array,
  use: KeyUsage,
  extractable: boolean,
): Promise<CryptoKey> {
  // RFC 8410 §7: what precedes the 32 bytes of a private key.
  const head = Uint8Array.of(0x30, 46, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, ARCS[curve], 4, 34, 4, 32)
  const pkcs8 = concatBytes(head, secret) as Uint8Array<ArrayBuffer>
  return crypto.subtle.importKey('pkcs8', pkcs8, { name: curve }, extractable, [use])
}

/** Of an extractable key. In a page that has just been opened, noble would take some tens of milliseconds for it. */
export async function nativePublicKey(privateKey: CryptoKey): Promise<Uint8Array> {
  const { x = '' } = await crypto.subtle.exportKey('jwk', privateKey)
  return Uint8Array.from(atob(x.replaceAll('-', '+').replaceAll('_', '/')), (char) => char.charCodeAt(0))
}
