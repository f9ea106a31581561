/**
 * Relay XML: what is in one IQ of a relay channel?
 *
 *   <data xmlns='urn:overture:relay:0' sid='0f3a…' seq='0' [bulk='1'] [close='1']>base64</data>
 *
 * Each direction has two lanes, which count `seq` for themselves: bulk, and all else, which need not wait for bulk. The
 * payloads of one lane, in the order of `seq`, are one stream of frames, each behind its length in four bytes
 * (big-endian). So a large frame is cut and small frames that wait travel together, with nothing else to say. The last
 * piece of a channel is never bulk.
 */
import { type Element, xml } from '../xmpp/stanza.ts'

export const RELAY_XMLNS = 'urn:overture:relay:0'
export const MAX_PAYLOAD_BYTES = 4_096 // XEP-0047 §2.1 recommends this block size; a service's pace suffers from more.
export const LENGTH_BYTES = 4

/** A guess: where a stanza takes less, so small pieces would carry little but their envelopes; they are refused instead. */
const MIN_PAYLOAD_BYTES = 64
/** An IQ with an empty piece, JID left out: 194 bytes (measured), and some. */
const ENVELOPE_BYTES = 256
const MAX_ESCAPED_BYTES = 6 // `&quot;`, or three bytes of UTF-8.

const MAX_BASE64_LENGTH = Math.ceil(MAX_PAYLOAD_BYTES / 3) * 4

export type RelayPiece = { sid: string; seq: number; payload: Uint8Array; bulk: boolean; close: boolean }

/** How much a piece to this JID may carry, so that its stanza is no larger than the service takes. */
export function payloadLimit(maxStanzaBytes: number, jid: string): number {
  const room = maxStanzaBytes - ENVELOPE_BYTES - MAX_ESCAPED_BYTES * jid.length
  return Math.max(MIN_PAYLOAD_BYTES, Math.min(MAX_PAYLOAD_BYTES, 3 * Math.floor(room / 4)))
}

export function writePiece({ sid, seq, payload, bulk, close }: RelayPiece): Element {
  const text = btoa(String.fromCharCode(...payload))
  const flags = { ...(bulk ? { bulk: '1' } : {}), ...(close ? { close: '1' } : {}) }
  return xml('data', { xmlns: RELAY_XMLNS, sid, seq: String(seq), ...flags }, text)
}

/** Undefined for what is no piece. Never throws. */
export function readPiece(data: Element): RelayPiece | undefined {
  const { sid, seq, bulk, close } = data.attrs as Record<string, unknown>
  if (!data.is('data', RELAY_XMLNS)) return undefined
  if (typeof sid !== 'string' || !/^[A-Za-z0-9]{1,32}$/.test(sid)) return undefined
  if (typeof seq !== 'string' || !/^\d{1,15}$/.test(seq)) return undefined
  if (bulk !== undefined && bulk !== '1') return undefined
  if (close !== undefined && (close !== '1' || bulk === '1')) return undefined
  const payload = readBase64(data.getText())
  return payload && { sid, seq: Number(seq), payload, bulk: bulk === '1', close: close === '1' }
}

function readBase64(text: string): Uint8Array | undefined {
  if (text.length > MAX_BASE64_LENGTH) return undefined
  try {
    const binary = atob(text)
    const bytes = new Uint8Array(binary.length)
    for (let i = 0; i < binary.length; i += 1) bytes[i] = binary.charCodeAt(i)
    return bytes
  } catch {
    return undefined
  }
}
