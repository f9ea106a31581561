/**
 * Every decoder of the project: whatever reads what a stranger may have written. A new one gets a line in the list that
 * it belongs to, with good inputs and the function that reads them; the command and the tests then know it.
 */
import type { Decoder } from './decoder.ts'
import { DHT_DECODERS } from './dht-decoders.ts'
import { HANDSHAKE_DECODERS } from './handshake-decoders.ts'
import { NODE_DECODERS } from './node-decoders.ts'
import { OVERLAY_DECODERS } from './overlay-decoders.ts'
import { SEALED_DECODERS } from './sealed-decoders.ts'
import { STANZA_DECODERS } from './stanza-decoders.ts'
import { STORED_DECODERS } from './stored-decoders.ts'
import { TEXT_DECODERS } from './text-decoders.ts'

export const DECODERS: readonly Decoder[] = [
  ...OVERLAY_DECODERS,
  ...DHT_DECODERS,
  ...NODE_DECODERS,
  ...STANZA_DECODERS,
  ...TEXT_DECODERS,
  ...STORED_DECODERS,
  ...SEALED_DECODERS,
  ...HANDSHAKE_DECODERS,
]
