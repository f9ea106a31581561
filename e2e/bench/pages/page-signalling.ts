/** Page signalling: two pages of one browser agree on an RTCPeerConnection over a BroadcastChannel. Both are trusted. */
import { endpointOf, targetOf } from '../../../src/overlay/endpoint.ts'
import type {
  IceCandidate,
  SessionDescription,
  Signalling,
  SignallingEvents,
  SignallingSession,
} from '../../../src/ports.ts'

type Signal = {
  to: string
  from: string
  id: string
  offer?: SessionDescription
  answer?: SessionDescription
  candidates?: IceCandidate[]
}

export function pageSignalling(name: string): Signalling {
  const wire = new BroadcastChannel('signalling')
  const heard = new Map<string, SignallingEvents>()
  let incoming: Parameters<Signalling['listen']>[0] | undefined
  const sessionWith = (far: string, id: string): SignallingSession => {
    const tell = (signal: Partial<Signal>) => wire.postMessage({ to: far, from: name, id, ...signal })
    return {
      id,
      endpoint: endpointOf('webrtc', far),
      bind: (events) => void heard.set(id, events),
      accept: (answer) => tell({ answer }),
      addCandidate: (candidate) => tell({ candidates: [candidate] }),
      end: () => void heard.delete(id),
    }
  }
  wire.onmessage = ({ data }: MessageEvent<Signal>) => {
    const { to, from, id, offer, answer, candidates } = data
    if (to !== name) return
    if (offer !== undefined) incoming?.(sessionWith(from, id), offer)
    if (answer !== undefined) heard.get(id)?.accepted(answer)
    if (candidates !== undefined) heard.get(id)?.candidates(candidates)
  }
  return {
    endpoint: endpointOf('webrtc', name),
    listen: (listener) => {
      incoming = listener
    },
    offer(to, offer) {
      const id = crypto.randomUUID()
      wire.postMessage({ to: targetOf(to), from: name, id, offer })
      return sessionWith(targetOf(to), id)
    },
    close: () => wire.close(),
    dropped: new Map(),
  }
}
