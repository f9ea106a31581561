/**
 * WebRTC paths: how do many overlays share one RTCPeerConnection? Each has data channels of its own on it, announced
 * in-band with the path's name in the label, beside the first one, of which both sides know beforehand.
 */
import { type Channel, type Clock, PATH_NAME, type PathCarrier } from '../ports.ts'
import { refusePath } from './path-answer.ts'
import { RefusedChannel } from './refused-channel.ts'
import { WebrtcPath, type WebrtcPathKeeper } from './webrtc-path.ts'

/** A guess: as many overlays as one page has at most. Of both ends together, those that wait for an answer included. */
export const MAX_PATHS = 32
const LABEL = 'path:'

type Listener = (name: string) => ((channel: Channel) => void) | undefined

/** What paths need of the one who keeps their connection. */
export type PathsKeeper = { readonly clock: Clock; drop(reason: string): void }

export class WebrtcPaths implements PathCarrier, WebrtcPathKeeper {
  readonly clock: Clock
  readonly first: Channel
  private readonly keeper: PathsKeeper
  private readonly connection: RTCPeerConnection
  private readonly paths = new Set<WebrtcPath>()
  private listener: Listener | undefined
  private closedFor: string | undefined

  /** Must be made with the connection, so that no announcement is missed. */
  constructor(keeper: PathsKeeper, first: Channel, connection: RTCPeerConnection) {
    this.keeper = keeper
    this.clock = keeper.clock
    this.first = first
    this.connection = connection
    connection.addEventListener('datachannel', ({ channel }) => this.arrive(channel))
  }

  /** Whether others use the connection beside the first channel. */
  get isShared(): boolean {
    return this.paths.size > 0
  }

  openPath(name: string): Channel {
    if (!PATH_NAME.test(name)) throw new Error(`“${name}” cannot be the name of a path.`)
    const refusal = this.closedFor ?? (this.isFull ? 'too many paths' : undefined)
    const dataChannel = refusal === undefined ? this.createDataChannel(name) : undefined
    if (dataChannel === undefined) return new RefusedChannel(this.first.endpoint, refusal ?? 'no path')
    return this.keep(new WebrtcPath(this, name, dataChannel, 'us'))
  }

  listenPaths(incoming: Listener): void {
    this.listener = incoming
    for (const path of [...this.paths]) path.decide()
  }

  takerOf(name: string): ((path: WebrtcPath) => void) | 'nobody' | undefined {
    return this.listener && (this.listener(name) ?? 'nobody')
  }

  kindChanged(): void {
    for (const path of [...this.paths]) path.kindChanged()
  }

  /** The connection is about to end. */
  close(reason: string): void {
    this.closedFor ??= reason
    for (const path of this.paths) path.failSoon(reason)
  }

  forget(path: WebrtcPath): void {
    this.paths.delete(path)
  }

  drop(reason: string): void {
    this.keeper.drop(reason)
  }

  private get isFull(): boolean {
    return this.paths.size >= MAX_PATHS
  }

  private arrive(dataChannel: RTCDataChannel): void {
    const name = nameIn(dataChannel.label)
    if (name === undefined) {
      this.drop('unknown data channel')
      dataChannel.close()
    } else if (this.closedFor !== undefined) dataChannel.close()
    else if (this.isFull) {
      this.drop('path busy')
      refusePath(dataChannel, 'busy')
    } else this.keep(new WebrtcPath(this, name, dataChannel, 'far end')).decide()
  }

  private keep(path: WebrtcPath): WebrtcPath {
    this.paths.add(path)
    return path
  }

  /** Undefined where the platform refuses it: the connection is closed, or has no stream left. */
  private createDataChannel(name: string): RTCDataChannel | undefined {
    try {
      return this.connection.createDataChannel(LABEL + name, { ordered: true })
    } catch {
      return undefined
    }
  }
}

function nameIn(label: string): string | undefined {
  const name = label.startsWith(LABEL) ? label.slice(LABEL.length) : ''
  return PATH_NAME.test(name) ? name : undefined
}
