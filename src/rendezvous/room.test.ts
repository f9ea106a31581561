import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { type Candidate, StanzaError } from '../ports.ts'
import { type Element, xml } from '../xmpp/stanza.ts'
import { MAX_CANDIDATES } from './candidate-table.ts'
import { ENOUGH_GREETERS, greeterMark } from './greeter-watch.ts'
import { hostilePresence } from './hostile-presence.ts'
import { type RoomOptions, RoomRendezvous } from './room.ts'
import { ScriptedClock, ScriptedStanzas } from './scripted-stanzas.ts'

const ME = 'a1@example.org/c0ffee.me'
const ROOM = 'c0ffee@conference.example.org'
const MUC_USER = 'http://jabber.org/protocol/muc#user'

describe('room rendezvous', () => {
  test('the room is joined at once where services have their rooms, with no history and our full JID', () => {
    const { stanzas } = started()
    expect(stanzas.sent).toHaveLength(1)
    const [join] = stanzas.sent
    expect(join?.attrs.to).toMatch(/^c0ffee@conference\.example\.org\/[a-z0-9]+$/)
    expect(join?.getChild('x', 'http://jabber.org/protocol/muc')?.getChild('history')?.attrs.maxstanzas).toBe('0')
    expect(join?.getChild('peer', 'urn:overture:rendezvous:0')?.attrs.jid).toBe(ME)
    expect(stanzas.asked).toEqual([])
  })

  test('who is shown before ourselves is an elder, who comes later is not', () => {
    const { stanzas, seen, enter } = started()
    occupant(stanzas, 'old', 'b2@example.org/c0ffee.b')
    enter()
    occupant(stanzas, 'new', 'c3@example.org/c0ffee.c')
    expect(seen).toEqual([
      { endpoint: 'xmpp:b2@example.org/c0ffee.b', elder: true },
      { endpoint: 'xmpp:c3@example.org/c0ffee.c', elder: false },
    ])
  })

  test("the room's word for who somebody is counts more than that person's", () => {
    const { stanzas, seen } = started()
    occupant(stanzas, 'liar', 'victim@example.org/x', 'liar@example.org/y')
    expect(seen.map((it) => it.endpoint)).toEqual(['xmpp:liar@example.org/y'])
  })

  test('whom an occupant merely claims to be must show the namespace, or we would knock at a stranger', () => {
    const { stanzas, seen, rendezvous } = started()
    occupant(stanzas, 'liar', 'victim@example.org/phone')
    occupant(stanzas, 'honest', 'b2@example.org/c0ffee.b')
    expect(seen.map((it) => it.endpoint)).toEqual(['xmpp:b2@example.org/c0ffee.b'])
    expect(rendezvous.dropped.get('foreign-jid')).toBe(1)
  })

  test('who leaves vanishes; when the service takes us out, nobody does', () => {
    const { stanzas, gone, enter, nick } = started()
    occupant(stanzas, 'b', 'b2@example.org/c0ffee.b')
    occupant(stanzas, 'c', 'c3@example.org/c0ffee.c')
    enter()
    stanzas.receive(`<presence from='${ROOM}/b' type='unavailable'/>`)
    expect(gone).toEqual(['xmpp:b2@example.org/c0ffee.b'])
    stanzas.receive(`<presence from='${ROOM}/${nick()}' type='unavailable'/>`)
    expect(gone).toHaveLength(1)
  })

  test('who is in under two nicks vanishes with the last', () => {
    const { stanzas, seen, gone } = started()
    for (const nick of ['1', '2']) occupant(stanzas, nick, 'b2@example.org/c0ffee.b')
    expect(seen).toHaveLength(1)
    stanzas.receive(`<presence from='${ROOM}/1' type='unavailable'/>`)
    expect(gone).toEqual([])
    stanzas.receive(`<presence from='${ROOM}/2' type='unavailable'/>`)
    expect(gone).toEqual(['xmpp:b2@example.org/c0ffee.b'])
  })

  test('an occupant that shows ever new JIDs is one candidate', () => {
    const { stanzas, seen, rendezvous } = started()
    for (let i = 0; i < 10; i++) occupant(stanzas, 'flood', `v${i}@example.org/c0ffee.x`)
    expect(seen).toHaveLength(1)
    expect(rendezvous.dropped.get('endpoint-changed')).toBe(9)
  })

  test('neither we, nor our ghosts, nor people without a full JID are candidates', () => {
    const { stanzas, seen, enter } = started()
    occupant(stanzas, 'ghost', ME)
    occupant(stanzas, 'human', undefined)
    occupant(stanzas, 'bare', 'b2@example.org')
    enter()
    stanzas.receive(
      `<presence from='other@conference.example.org/x'><peer xmlns='urn:overture:rendezvous:0' jid='x@y/z'/></presence>`,
    )
    expect(seen).toEqual([])
  })

  test('a nick that is taken is followed by another, at once', () => {
    const { stanzas, refuse, nick } = started()
    const first = nick()
    refuse('conflict')
    expect(stanzas.sent).toHaveLength(2)
    expect(nick()).not.toBe(first)
  })

  test('a room that takes no nick at all is not hammered', () => {
    const { stanzas, refuse } = started()
    for (let i = 0; i < 20; i++) refuse('conflict')
    expect(stanzas.sent).toHaveLength(4)
  })

  test('a room that we created is opened to the others', () => {
    const { stanzas, enter } = started()
    enter('201')
    const [{ type, to, child } = { type: '', to: '', child: xml('x') }] = stanzas.asked
    expect([type, to]).toEqual(['set', ROOM])
    expect(child.is('query', 'http://jabber.org/protocol/muc#owner')).toBe(true)
    expect(child.getChild('x', 'jabber:x:data')?.attrs.type).toBe('submit')
  })

  test('a room that is locked or full is tried again, ever more rarely', () => {
    const { stanzas, clock, refuse } = started({ rooms: 'conference.example.org' })
    const waits: number[] = []
    for (let i = 0; i < 9; i++) {
      const sent = stanzas.sent.length
      refuse('item-not-found')
      const since = clock.now()
      while (stanzas.sent.length === sent) clock.advance(10)
      waits.push(clock.now() - since)
    }
    expect(waits[0]).toBeLessThanOrEqual(500)
    expect(waits.at(-1)).toBeGreaterThan(50_000)
    expect(waits.at(-1)).toBeLessThanOrEqual(60_010)
  })

  test('a room that does not answer is tried again', () => {
    const { stanzas, clock } = started({ rooms: 'conference.example.org' })
    clock.advance(10_000)
    clock.advance(500)
    expect(stanzas.sent).toHaveLength(2)
  })

  test('who is kicked comes back', () => {
    const { stanzas, clock, enter, nick } = started()
    enter()
    stanzas.receive(
      `<presence from='${ROOM}/${nick()}' type='unavailable'><x xmlns='${MUC_USER}'><status code='110'/><status code='307'/></x></presence>`,
    )
    clock.advance(500)
    expect(stanzas.sent).toHaveLength(2)
  })

  test('after a new sign-in those who are gone vanish, and those who are there are met anew', () => {
    const { stanzas, seen, gone, enter } = started()
    occupant(stanzas, 'b', 'b2@example.org/c0ffee.b')
    occupant(stanzas, 'c', 'c3@example.org/c0ffee.c')
    enter()
    seen.length = 0
    stanzas.goOffline()
    expect(gone).toEqual([])
    stanzas.goOnline('d4@example.org/c0ffee.me')
    occupant(stanzas, 'b', 'b2@example.org/c0ffee.b')
    enter()
    expect(seen).toEqual([{ endpoint: 'xmpp:b2@example.org/c0ffee.b', elder: true }])
    expect(gone).toEqual(['xmpp:c3@example.org/c0ffee.c'])
  })

  test('rooms that are elsewhere are found by asking, and the guess is given up', async () => {
    const { stanzas, clock, refuse } = started()
    stanzas.answer = serviceWithRoomsAt('talk.example.org')
    refuse('service-unavailable')
    await vi.waitFor(() => expect(stanzas.sent.at(-1)?.attrs.to).toMatch(/^c0ffee@talk\.example\.org\//))
    clock.advance(500)
    refuse('service-unavailable')
    const joins = stanzas.sent.length
    clock.advance(9_000)
    clock.advance(9_000)
    const retries = stanzas.sent.slice(joins).map((join) => join.attrs.to)
    for (const to of retries) expect(to).not.toMatch(/@conference/)
  })

  test('a guess without an answer is not waited for', async () => {
    const { stanzas, clock } = started()
    stanzas.answer = serviceWithRoomsAt('talk.example.org')
    clock.advance(1_000)
    await vi.waitFor(() => expect(stanzas.sent.at(-1)?.attrs.to).toMatch(/@talk\.example\.org\//))
  })

  test('once inside, nothing is asked and nothing is planned', () => {
    const { stanzas, clock, enter } = started()
    enter()
    clock.advance(1_000)
    expect(stanzas.asked).toEqual([])
    expect(clock.pending).toBe(0)
  })

  test('a stop leaves the room and forgets every plan', () => {
    const { stanzas, clock, rendezvous, seen, nick } = started()
    const ours = nick()
    rendezvous.stop()
    expect(stanzas.sent.at(-1)?.attrs).toMatchObject({ to: `${ROOM}/${ours}`, type: 'unavailable' })
    expect(clock.pending).toBe(0)
    occupant(stanzas, 'b', 'b2@example.org/c0ffee.b')
    expect(seen).toEqual([])
  })

  test('a flood is cut off at a limit and counted', () => {
    const { stanzas, seen, rendezvous } = started()
    for (let i = 0; i < MAX_CANDIDATES + 5; i++) occupant(stanzas, `${i}`, `b${i}@example.org/c0ffee.x`)
    expect(seen).toHaveLength(MAX_CANDIDATES)
    expect(rendezvous.dropped.get('table-full')).toBe(5)
  })

  describe('where enough greet for a ring of many', () => {
    const greet = (stanzas: ScriptedStanzas, count: number) => {
      for (let i = 0; i < count; i++) occupant(stanzas, `g${i}`, `g${i}@example.org/c0ffee.g`, undefined, true)
    }
    const last = ({ sent }: ScriptedStanzas) => sent.at(-1) as Element

    test('a newcomer leaves the room when it has seen them', () => {
      const { stanzas, enter, seen, gone } = started()
      greet(stanzas, ENOUGH_GREETERS)
      expect(stanzas.sent).toHaveLength(1)
      enter()
      expect(last(stanzas).attrs.type).toBe('unavailable')
      expect(seen.filter(({ greeter }) => greeter)).toHaveLength(ENOUGH_GREETERS)
      expect(gone).toEqual([])
    })

    test('who is to be quiet stays until there are enough', () => {
      const { stanzas, enter, rendezvous } = started()
      enter()
      rendezvous.show('quiet')
      greet(stanzas, ENOUGH_GREETERS - 1)
      expect(stanzas.sent).toHaveLength(1)
      occupant(stanzas, 'last', 'last@example.org/c0ffee.g', undefined, true)
      expect(last(stanzas).attrs.type).toBe('unavailable')
    })

    test('who is elected says so where it is, and enters where it was not', () => {
      const { stanzas, enter, rendezvous } = started()
      enter()
      rendezvous.show('greeter')
      expect(last(stanzas).getChild('greeter', 'urn:overture:rendezvous:0')).toBeDefined()
      expect(last(stanzas).getChild('x', 'http://jabber.org/protocol/muc')).toBeUndefined()
      greet(stanzas, ENOUGH_GREETERS)
      rendezvous.show('quiet')
      expect(last(stanzas).attrs.type).toBe('unavailable')
      rendezvous.show('shown')
      expect(last(stanzas).getChild('x', 'http://jabber.org/protocol/muc')).toBeDefined()
    })

    test('who is elected while it enters says so when it is in', () => {
      const { stanzas, enter, rendezvous } = started()
      rendezvous.show('greeter')
      expect(stanzas.sent).toHaveLength(1)
      enter()
      expect(last(stanzas).getChild('greeter', 'urn:overture:rendezvous:0')).toBeDefined()
    })
  })

  describe('where others of our account may be in the room for it', () => {
    /** What our account's presence says of that. */
    function account(represented: boolean | undefined) {
      const listeners: (() => void)[] = []
      const said = { represented, onRepresented: (listener: () => void) => void listeners.push(listener) }
      const change = (to: boolean | undefined) => {
        said.represented = to
        for (const listener of listeners) listener()
      }
      return { said, change }
    }

    test('the room is entered when it is known that they are not', () => {
      const { said, change } = account(undefined)
      const { stanzas } = started({ account: said })
      expect(stanzas.sent).toEqual([])
      change(false)
      expect(stanzas.sent).toHaveLength(1)
    })

    test('it is not entered when they are, however we are to be seen, nor sought', () => {
      const { said, change } = account(undefined)
      const { stanzas, clock, rendezvous } = started({ account: said })
      change(true)
      for (const visibility of ['shown', 'greeter', 'newcomer'] as const) rendezvous.show(visibility)
      clock.advance(60_000)
      expect([...stanzas.sent, ...stanzas.asked]).toEqual([])
    })

    test('who is in goes when others come, and comes back when they have gone', () => {
      const { said, change } = account(false)
      const { stanzas, enter } = started({ account: said })
      enter()
      change(true)
      expect(stanzas.sent.at(-1)?.attrs.type).toBe('unavailable')
      change(false)
      expect(stanzas.sent.at(-1)?.attrs.type).toBeUndefined()
      expect(stanzas.sent).toHaveLength(3)
    })
  })

  test('hostile presence neither throws, nor floods the service, nor leaves the table wrong', () => {
    fc.assert(
      fc.property(fc.array(hostilePresence([`${ROOM}/a`, `${ROOM}/b`, ROOM]), { maxLength: 30 }), (presences) => {
        const { stanzas, seen, gone } = started()
        for (const presence of presences) stanzas.receive(presence)
        const present = new Set<string>(seen.map((it) => it.endpoint))
        for (const endpoint of present) expect(endpoint).toMatch(/^xmpp:[^\s]+\/[^\s]+$/)
        for (const endpoint of gone) expect(present).toContain(endpoint)
        expect(stanzas.sent.length).toBeLessThanOrEqual(5)
      }),
    )
  })
})

function started({ rooms, account }: Partial<RoomOptions> = {}) {
  const stanzas = new ScriptedStanzas(ME)
  const clock = new ScriptedClock()
  // Nicks are drawn by many draws and differ; waits are one draw each, and nearly the longest.
  let draws = 0
  const random = () => (draws++ % 13 === 12 ? 0.99 : Math.random())
  const rendezvous = new RoomRendezvous({
    stanzas,
    namespaceHash: 'c0ffee',
    clock,
    random,
    rooms,
    ...(account ? { account } : {}),
  })
  const seen: Candidate[] = []
  const gone: string[] = []
  rendezvous.start({ appeared: (it) => seen.push(it), vanished: (it) => gone.push(it) })
  const address = () => stanzas.sent.findLast((it) => it.attrs.to.startsWith(ROOM))?.attrs.to as string
  const nick = () => address().slice(ROOM.length + 1)
  const enter = (...codes: string[]) => {
    const statuses = ['110', ...codes].map((code) => xml('status', { code }))
    stanzas.receive(xml('presence', { from: address() }, xml('x', { xmlns: MUC_USER }, ...statuses)))
  }
  const refuse = (condition: string) => {
    const error = xml('error', { type: 'cancel' }, xml(condition, { xmlns: 'urn:ietf:params:xml:ns:xmpp-stanzas' }))
    stanzas.receive(xml('presence', { from: address(), type: 'error' }, error))
  }
  return { stanzas, clock, rendezvous, seen, gone, nick, enter, refuse }
}

function occupant(
  stanzas: ScriptedStanzas,
  nick: string,
  claimed: string | undefined,
  real?: string,
  greeter = false,
): void {
  const claim = claimed === undefined ? [] : [xml('peer', { xmlns: 'urn:overture:rendezvous:0', jid: claimed })]
  const item = xml('item', real === undefined ? {} : { jid: real })
  const mark = greeterMark(greeter ? 'greeter' : 'shown')
  stanzas.receive(xml('presence', { from: `${ROOM}/${nick}` }, xml('x', { xmlns: MUC_USER }, item), ...claim, ...mark))
}

function serviceWithRoomsAt(domain: string): ScriptedStanzas['answer'] {
  return async ({ to, child }): Promise<Element> => {
    const xmlns = child.attrs.xmlns
    if (to === 'example.org') {
      const items = ['irc.example.org', domain, 'upload.example.org'].map((jid) => xml('item', { jid }))
      return xml('query', { xmlns }, ...items, xml('item', { jid: 'a node', node: 'x' }), xml('item'))
    }
    if (to === 'upload.example.org') throw new StanzaError('timeout')
    const type = to === domain ? 'text' : 'irc'
    const feature = xml('feature', { var: 'http://jabber.org/protocol/muc' })
    return xml('query', { xmlns }, xml('identity', { category: 'conference', type }), feature)
  }
}
