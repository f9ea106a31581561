/**
 * Path answer: does the far end run the overlay that a path is for? One byte, the first on its data channel: one that is
 * announced in-band is open for who opens it before the other end has heard of it (RFC 8832 §6).
 */
const CODES = { refused: 0, accepted: 1, busy: 2 } as const
type Answer = keyof typeof CODES

/** `refused` where there is no such overlay, `busy` where there are too many paths at this moment. */
export type PathRefusal = Exclude<Answer, 'accepted'>

/** Undefined for what is no answer. */
export function readAnswer(data: unknown): Answer | undefined {
  if (!(data instanceof ArrayBuffer) || data.byteLength !== 1) return undefined
  const [code] = new Uint8Array(data)
  return (Object.keys(CODES) as Answer[]).find((answer) => CODES[answer] === code)
}

export function acceptPath(dataChannel: RTCDataChannel): void {
  say(dataChannel, 'accepted')
}

/** Says so as soon as the data channel can carry it, and ends it. */
export function refusePath(dataChannel: RTCDataChannel, refusal: PathRefusal): void {
  const refuse = () => {
    say(dataChannel, refusal)
    dataChannel.close()
  }
  if (dataChannel.readyState === 'connecting') dataChannel.addEventListener('open', refuse)
  else refuse()
}

function say(dataChannel: RTCDataChannel, answer: Answer): void {
  try {
    dataChannel.send(Uint8Array.of(CODES[answer]))
  } catch {
    // It is closing, and says so itself.
  }
}
