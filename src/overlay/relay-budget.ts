/**
 * Relay budget: what may wait to be sent over relays? A relay carries a few kilobytes a second for all peers together
 * (measured: Prosody's default of 10 kB/s leaves 7), on a service that others use too. So bulk is refused while it would
 * wait for longer than somebody who looks on, and what people say to each other passes all the same.
 */

/** A line of talk, a position, a note: one stanza. */
const SMALL_BYTES = 4_096
/** 12 s at a default Prosody's pace: room for one message of the largest size, and for some small ones beside it. */
const BULK_WAITING_BYTES = 81_920
/** 19 s at that pace: small messages have as much room again. */
const SMALL_WAITING_BYTES = 131_072
/** Broadcasts that others handed to us: their origin cannot be told, so there is room for one to each of four links. */
const HANDED_WAITING_BYTES = 262_144

/** `handed` is part of a broadcast, of which whoever hands it on has no say. */
export type RelayLoad = 'bulk' | 'small' | 'handed'

export function loadOf(bytes: number): 'bulk' | 'small' {
  return bytes > SMALL_BYTES ? 'bulk' : 'small'
}

/** `waitingBytes` are those of all messages that wait for relays or are not acknowledged yet. */
export function fitsRelays(load: RelayLoad, bytes: number, waitingBytes: number): boolean {
  switch (load) {
    case 'bulk':
      return waitingBytes + bytes <= BULK_WAITING_BYTES
    case 'small':
      return waitingBytes + bytes <= SMALL_WAITING_BYTES
    case 'handed':
      return waitingBytes + bytes <= HANDED_WAITING_BYTES
  }
}
