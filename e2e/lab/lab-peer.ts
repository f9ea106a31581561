/** LabPeer: a real Chromium in a namespace, whose page joins when it is told to, and what can be read of it. */
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Browser, type BrowserContext, chromium, type Page } from '@playwright/test'
import type { Address } from '../../src/overlay/address.ts'
import type { Snapshot } from '../../src/peer/ring.ts'
import { untilQuiet } from '../bench/quiet.ts'
import { CHROMIUM } from '../install.ts'

const POLL_MS = 25

declare global {
  interface Window {
    /** Every RTCPeerConnection that the page has made. */
    rtc?: RTCPeerConnection[]
    /** Whatever the page has said to an XMPP service, or heard from it. */
    stanzas?: string[]
  }
}

/** What ICE has connected, seen from one end: the names of both ends (RFC 8839 §5.4), and whether TURN is between them. */
export type IcePath = { local: string; remote: string; kind: 'direct' | 'turn' }

export type Join = {
  /** The fragment of the link to the space. */
  fragment: string
  /** Time of day at which all pages follow it. */
  startAtMs: number
  /** How many others there are, and with how many of them ICE can connect this one. */
  others: number
  connectable: number
  patienceMs: number
}

export class LabPeer {
  private readonly browser: Browser
  private readonly url: string
  private context: BrowserContext | undefined

  private constructor(browser: Browser, url: string) {
    this.browser = browser
    this.url = url
  }

  /** `folder` is where the program that starts the browser is put. */
  static async launch(namespace: string, url: string, folder: string): Promise<LabPeer> {
    const program = join(folder, namespace)
    await writeFile(program, `#!/bin/sh\nexec ip netns exec ${namespace} ${CHROMIUM} "$@"\n`)
    await chmod(program, 0o755)
    const browser = await chromium.launch({
      executablePath: program,
      // WebRTC and cryptography want what a page over https has.
      args: [`--unsafely-treat-insecure-origin-as-secure=${new URL(url).origin}`],
      handleSIGINT: false,
      handleSIGTERM: false,
      handleSIGHUP: false,
    })
    return new LabPeer(browser, url)
  }

  /** One more in the same browser, with nothing of the others'. */
  another(): LabPeer {
    return new LabPeer(this.browser, this.url)
  }

  /** Opens the app's entrance in a context that has nothing of those before. */
  async open(): Promise<void> {
    // The app's policy has pages speak unencrypted to their own machine alone, and in the lab nobody has a certificate.
    this.context = await this.browser.newContext({ bypassCSP: true })
    // What runs this file wraps inner functions in it, also those that are sent into the page.
    await this.context.addInitScript('globalThis.__name = (value) => value')
    await this.context.addInitScript(() => {
      const all: RTCPeerConnection[] = []
      window.rtc = all
      window.RTCPeerConnection = class extends RTCPeerConnection {
        constructor(configuration?: RTCConfiguration) {
          super(configuration)
          all.push(this)
        }
      }
    })
    await this.context.addInitScript(() => {
      const all: string[] = []
      window.stanzas = all
      const note = (data: unknown) =>
        typeof data === 'string' && /^\s*<(iq|presence|message)[\s/>]/.test(data) && all.push(data)
      window.WebSocket = class extends WebSocket {
        constructor(url: string | URL, protocols?: string | string[]) {
          super(url, protocols)
          this.addEventListener('message', ({ data }) => note(data))
        }

        override send(data: Parameters<WebSocket['send']>[0]): void {
          note(data)
          super.send(data)
        }
      }
    })
    const page = await this.context.newPage()
    await page.goto(this.url)
    await page.getByTestId('create-space').waitFor()
  }

  async close(): Promise<void> {
    await this.context?.close()
    this.context = undefined
  }

  untilQuiet(): Promise<void> {
    return untilQuiet(this.browser)
  }

  end(): Promise<void> {
    return this.browser.close()
  }

  /**
   * Follows the link at the appointed time. Resolves with the milliseconds until it had a link to each other peer, by
   * WebRTC where that can be, or with undefined when patience was over.
   */
  join(join: Join): Promise<number | undefined> {
    return this.page.evaluate(
      async ({ fragment, startAtMs, others, connectable, patienceMs, pollMs }) => {
        const sinceStart = () => performance.timeOrigin + performance.now() - startAtMs
        const rest = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
        const isThere = () => {
          const snapshot = window.__overture?.snapshot()
          if (snapshot?.state !== 'connected' || snapshot.milestones.connectedMs === undefined) return false
          const connected = snapshot.peers.filter(({ kind }) => kind === 'direct' || kind === 'turn')
          return snapshot.peers.length === others && connected.length >= connectable
        }
        await rest(-sinceStart())
        location.hash = fragment
        while (!isThere()) {
          if (sinceStart() > patienceMs) return undefined
          await rest(pollMs)
        }
        return sinceStart()
      },
      { ...join, pollMs: POLL_MS },
    )
  }

  /** Enters a space of its own inside the public ring, and waits for its place there. Returns how long that took. */
  enterPublicRing(fragment: string, others: number, patienceMs: number): Promise<number | undefined> {
    return this.page.evaluate(
      async ({ hash, least, limitMs, pollMs }) => {
        const startMs = performance.now()
        location.hash = hash
        for (;;) {
          const outer = window.__overture?.outer()
          const isIn = outer?.state === 'connected' && outer.milestones.connectedMs !== undefined
          if (isIn && outer.peers.length >= least) return outer.milestones.connectedMs
          if (performance.now() > startMs + limitMs) return undefined
          await new Promise((resolve) => setTimeout(resolve, pollMs))
        }
      },
      { hash: fragment, least: Math.min(others, 4), limitMs: patienceMs, pollMs: POLL_MS },
    )
  }

  /** How many stanzas the page has said and heard, and how many of them have this text in them. */
  stanzas(text: string): Promise<{ all: number; naming: number }> {
    return this.page.evaluate((sought) => {
      const all = window.stanzas ?? []
      return { all: all.length, naming: all.filter((each) => each.includes(sought)).length }
    }, text)
  }

  /** The paths that ICE uses at this moment, asked of the browser itself. */
  async icePaths(): Promise<IcePath[]> {
    return this.page.evaluate(() =>
      (window.rtc ?? []).flatMap((connection): IcePath[] => {
        const pair = connection.sctp?.transport.iceTransport.getSelectedCandidatePair?.()
        if (connection.connectionState !== 'connected' || !pair) return []
        const name = (description: RTCSessionDescription | null) =>
          /a=ice-ufrag:(\S+)/.exec(description?.sdp ?? '')?.[1]
        const relayed = pair.local?.type === 'relay' || pair.remote?.type === 'relay'
        return [
          {
            local: name(connection.localDescription) ?? '',
            remote: name(connection.remoteDescription) ?? '',
            kind: relayed ? 'turn' : 'direct',
          },
        ]
      }),
    )
  }

  snapshot(): Promise<Snapshot> {
    return this.page.evaluate(() => {
      if (window.__overture === undefined) throw new Error('The page is in no space.')
      return window.__overture.snapshot()
    })
  }

  /** Says each text to its address, without waiting for anything. */
  async say(texts: { to: Address; text: string }[]): Promise<void> {
    await this.page.evaluate((all) => {
      const page = document.querySelector('overture-app')?.page
      if (page?.name !== 'space') throw new Error('The page is in no space.')
      for (const { to, text } of all) page.space.say(to, text)
    }, texts)
  }

  /** What others have said to this one alone. */
  async heard(): Promise<string[]> {
    return await this.page.evaluate(() => {
      const page = document.querySelector('overture-app')?.page
      if (page?.name !== 'space') return []
      return page.space.messages.filter(({ incoming, to }) => incoming && to !== 'all').map(({ text }) => text)
    })
  }

  private get page(): Page {
    const page = this.context?.pages()[0]
    if (page === undefined) throw new Error('The peer has opened no page.')
    return page
  }
}
