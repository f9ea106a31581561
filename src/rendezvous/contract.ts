/**
 * What may be relied on, whatever the XMPP service? The acceptance suite of rendezvous and session together; run against
 * the embedded service beside this file, and against real ones end to end. For tests only.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Candidate, Rendezvous, Storage } from '../ports.ts'
import { CuttableWire } from '../xmpp/cuttable-wire.ts'
import { memoryStorage } from '../xmpp/memory-storage.ts'
import { installNodeWebSocket } from '../xmpp/node-websocket.ts'
import { realClock } from '../xmpp/real-clock.ts'
import { XmppSession } from '../xmpp/session.ts'
import { xml } from '../xmpp/stanza.ts'
import { PresenceRendezvous } from './presence.ts'
import { resourceOf } from './resource.ts'
import { RoomRendezvous } from './room.ts'

/** A signed-in user may be missed only when the service gives up hope of resumption: set that to 5 s or less. */
const PATIENCE = { timeout: 15_000, interval: 20 }
const TEST_TIMEOUT_MS = 30_000

export type Door = { service: string; domain: string }

export type Grounds = {
  /** Offers ANONYMOUS, and rooms. */
  anonymous: Door
  /** Offers registration and no ANONYMOUS, and rooms. */
  registering: Door
  close(): Promise<void>
}

type Way = {
  name: string
  door: keyof Grounds & ('anonymous' | 'registering')
  shared: boolean
  kind: 'presence' | 'room'
}

const WAYS: Way[] = [
  { name: 'presence among resources of one account', door: 'registering', shared: true, kind: 'presence' },
  { name: 'a room of anonymous users', door: 'anonymous', shared: false, kind: 'room' },
  { name: 'a room of registered users', door: 'registering', shared: false, kind: 'room' },
]

export function rendezvousContract(name: string, setup: () => Promise<Grounds>): void {
  describe(`rendezvous on ${name}`, { timeout: TEST_TIMEOUT_MS }, () => {
    let grounds: Grounds
    let members: Member[] = []
    let hash = ''
    let tests = 0

    beforeAll(async () => {
      installNodeWebSocket()
      grounds = await setup()
    }, TEST_TIMEOUT_MS)
    afterEach(async () => {
      await Promise.all(members.splice(0).map((member) => member.end()))
    })
    afterAll(() => grounds.close(), TEST_TIMEOUT_MS)

    describe.each(WAYS)('by $name', ({ door, shared, kind }) => {
      const account = memoryStorage()
      const join = async (namespaceHash: string) => {
        const member = await Member.join(grounds[door], kind, namespaceHash, shared ? account : memoryStorage())
        members.push(member)
        return member
      }
      const joinHere = () => join(hash)
      const freshNamespace = () => {
        hash = `c0ffee${(++tests).toString().padStart(4, '0')}`
        members = []
      }

      test('two see each other, and only the later has an elder', async () => {
        freshNamespace()
        const first = await joinHere()
        const second = await joinHere()
        await vi.waitFor(() => expect(first.seen).toEqual([{ endpoint: second.endpoint, elder: false }]), PATIENCE)
        await vi.waitFor(() => expect(second.seen).toEqual([{ endpoint: first.endpoint, elder: true }]), PATIENCE)
      })

      test('who leaves vanishes', async () => {
        freshNamespace()
        const first = await joinHere()
        const second = await joinHere()
        await vi.waitFor(() => expect(first.seen).toHaveLength(1), PATIENCE)
        second.rendezvous.stop()
        await vi.waitFor(() => expect(first.gone).toEqual([second.endpoint]), PATIENCE)
      })

      test('whose session stops vanishes', async () => {
        freshNamespace()
        const first = await joinHere()
        const second = await joinHere()
        await vi.waitFor(() => expect(first.seen).toHaveLength(1), PATIENCE)
        void second.session.stop()
        await vi.waitFor(() => expect(first.gone).toEqual([second.endpoint]), PATIENCE)
      })

      test('whose socket is killed vanishes', async () => {
        freshNamespace()
        const first = await joinHere()
        const second = await joinHere()
        await vi.waitFor(() => expect(first.seen).toHaveLength(1), PATIENCE)
        second.wire.down()
        await vi.waitFor(() => expect(first.gone).toEqual([second.endpoint]), PATIENCE)
      })

      test('who comes back under a new binding is met again', async () => {
        freshNamespace()
        const first = await joinHere()
        const second = await joinHere()
        await vi.waitFor(() => expect(first.seen).toHaveLength(1), PATIENCE)
        // Others are shown by other processes of a service than the one that answers us: in order each, not together.
        await vi.waitFor(() => expect(second.seen).toHaveLength(1), PATIENCE)
        await second.session.stop()
        await vi.waitFor(() => expect(first.gone).toEqual([second.endpoint]), PATIENCE)
        await second.session.start()
        const arrival = { endpoint: second.endpoint, elder: false }
        await vi.waitFor(() => expect(first.seen).toEqual([expect.anything(), arrival]), PATIENCE)
        const elder = { endpoint: first.endpoint, elder: true }
        await vi.waitFor(() => expect(second.seen).toEqual([elder, elder]), PATIENCE)
        expect(second.gone).toEqual([])
      })

      test('another namespace is not seen', async () => {
        freshNamespace()
        const first = await joinHere()
        const stranger = await join(`${hash}0`)
        const second = await joinHere()
        await vi.waitFor(() => expect(first.seen).toHaveLength(1), PATIENCE)
        expect(first.seen[0]?.endpoint).toBe(second.endpoint)
        expect(stranger.seen).toEqual([])
      })

      test('five that come at once all see each other', async () => {
        freshNamespace()
        const five = await Promise.all([1, 2, 3, 4, 5].map(joinHere))
        for (const one of five) {
          const others = five.filter((it) => it !== one).map((it) => it.endpoint)
          await vi.waitFor(() => expect(one.seen.map((it) => it.endpoint).sort()).toEqual(others.sort()), PATIENCE)
        }
        for (const [index, one] of five.entries()) {
          for (const other of five.slice(index + 1)) {
            const asks = [one.regardsAsElder(other), other.regardsAsElder(one)]
            expect(asks).toContain(true)
          }
        }
      })
    })

    test('an account made once is used again', async () => {
      const account = memoryStorage()
      const join = () => Member.join(grounds.registering, 'presence', 'c0ffee', account)
      const first = await join()
      const second = await join()
      members.push(first, second)
      expect(bareOf(second.session.jid)).toBe(bareOf(first.session.jid))
    })
  })
}

class Member {
  readonly session: XmppSession
  readonly rendezvous: Rendezvous
  readonly wire: CuttableWire
  readonly seen: Candidate[] = []
  readonly gone: string[] = []

  private constructor(session: XmppSession, rendezvous: Rendezvous, wire: CuttableWire) {
    this.session = session
    this.rendezvous = rendezvous
    this.wire = wire
  }

  static async join(door: Door, kind: Way['kind'], namespaceHash: string, storage: Storage): Promise<Member> {
    const wire = await CuttableWire.to(door.service)
    const random = Math.random
    const resource = resourceOf(namespaceHash, random)
    const stanzas = new XmppSession({ service: wire.url, domain: door.domain, resource, storage, random })
    const rendezvous =
      kind === 'presence'
        ? new PresenceRendezvous(stanzas, namespaceHash)
        : new RoomRendezvous({ stanzas, namespaceHash, clock: realClock, random })
    const member = new Member(stanzas, rendezvous, wire)
    await stanzas.start()
    member.endpoint = `xmpp:${stanzas.jid}`
    rendezvous.start({
      appeared: (candidate) => member.seen.push(candidate),
      vanished: (endpoint) => member.gone.push(endpoint),
    })
    stanzas.onOnline((jid) => {
      member.endpoint = `xmpp:${jid}`
    })
    // What was sent before it has arrived when this is answered.
    await stanzas.request({ type: 'get', to: door.domain, child: xml('ping', { xmlns: 'urn:xmpp:ping' }) })
    return member
  }

  endpoint = ''

  regardsAsElder(other: Member): boolean {
    return this.seen.some(({ endpoint, elder }) => endpoint === other.endpoint && elder)
  }

  async end(): Promise<void> {
    this.rendezvous.stop()
    await this.session.stop()
    await this.wire.close()
  }
}

function bareOf(jid: string | undefined): string {
  return jid?.split('/')[0] ?? 'offline'
}
