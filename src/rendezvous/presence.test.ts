import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Candidate, StanzaError } from '../ports.ts'
import { xml } from '../xmpp/stanza.ts'
import { MAX_CANDIDATES } from './candidate-table.ts'
import { ENOUGH_GREETERS, ENOUGH_SEEKERS } from './greeter-watch.ts'
import { hostilePresence } from './hostile-presence.ts'
import { PresenceRendezvous } from './presence.ts'
import { resourceOf, showsNamespace } from './resource.ts'
import { ScriptedStanzas } from './scripted-stanzas.ts'

const HASH = 'c0ffee'
const ME = 'juliet@example.org/c0ffee.me'
const OTHER = 'juliet@example.org/c0ffee.other'
const CONTACT = 'romeo@elsewhere.org/c0ffee.x'

describe('resource', () => {
  test('what is made is recognised, and nothing else', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[0-9a-z]{1,40}$/), fc.stringMatching(/^[0-9a-z]{1,40}$/), (hash, other) => {
        const jid = `a@b/${resourceOf(hash, Math.random)}`
        expect(showsNamespace(jid, hash)).toBe(true)
        expect(showsNamespace(jid, other)).toBe(hash === other)
      }),
    )
    for (const jid of ['a@b', '', '/', '/c0ffee.x', 'c0ffee.x', 'a@b/c0ffee', 'a@b/c0ffeex.y', 'a@b/x/c0ffee.y']) {
      expect(showsNamespace(jid, HASH)).toBe(false)
    }
  })
})

describe('presence rendezvous', () => {
  test('our presence asks for no messages, and tells people so', () => {
    const { stanzas } = started()
    expect(stanzas.sent).toHaveLength(1)
    expect(stanzas.sent[0]?.getChildText('priority')).toBe('-1')
    expect(stanzas.sent[0]?.getChildText('show')).toBe('dnd')
  })

  test('who is seen before the service has answered is an elder, who comes later is not', async () => {
    const { stanzas, seen, settle } = started()
    stanzas.receive(`<presence from='${OTHER}'/>`)
    await settle()
    stanzas.receive(`<presence from='juliet@example.org/c0ffee.late'/>`)
    expect(seen).toEqual([
      { endpoint: `xmpp:${OTHER}`, elder: true },
      { endpoint: 'xmpp:juliet@example.org/c0ffee.late', elder: false },
    ])
  })

  test('who is shown with the time of its presence was there before us, however late the service shows it', async () => {
    const { stanzas, seen, settle } = started()
    await settle()
    stanzas.receive(`<presence from='${OTHER}'><delay xmlns='urn:xmpp:delay' stamp='2026-01-01T00:00:00Z'/></presence>`)
    expect(seen).toEqual([{ endpoint: `xmpp:${OTHER}`, elder: true }])
  })

  test('a contact on another service is an elder whenever its answer comes', async () => {
    const { stanzas, seen, settle } = started()
    await settle()
    stanzas.receive(`<presence from='${CONTACT}'/>`)
    expect(seen).toEqual([{ endpoint: `xmpp:${CONTACT}`, elder: true }])
  })

  test('neither we, nor other namespaces, nor room occupants, nor bare accounts are candidates', () => {
    const { stanzas, seen, rendezvous } = started()
    stanzas.receive(`<presence from='${ME}'/>`)
    stanzas.receive(`<presence from='juliet@example.org/decaf.x'/>`)
    stanzas.receive(`<presence from='juliet@example.org'/>`)
    stanzas.receive(`<presence from='room@r/c0ffee.x'><x xmlns='http://jabber.org/protocol/muc#user'/></presence>`)
    stanzas.receive(`<presence from='${OTHER}' type='subscribe'/>`)
    expect(seen).toEqual([])
    expect(rendezvous.dropped.size).toBe(0)
  })

  test.each(['unavailable', 'error'])('presence of type %s makes vanish, once', (type) => {
    const { stanzas, gone } = started()
    stanzas.receive(`<presence from='${OTHER}'/>`)
    stanzas.receive(`<presence from='${OTHER}' type='${type}'/>`)
    stanzas.receive(`<presence from='${OTHER}' type='${type}'/>`)
    expect(gone).toEqual([`xmpp:${OTHER}`])
  })

  test('a changed status is no new candidate', () => {
    const { stanzas, seen } = started()
    stanzas.receive(`<presence from='${OTHER}'/>`)
    stanzas.receive(`<presence from='${OTHER}'><status>busy</status></presence>`)
    expect(seen).toHaveLength(1)
  })

  test('nobody vanishes while we are offline; after the next sign-in only those who are gone do', async () => {
    const { stanzas, seen, gone, settle } = started()
    const gossip = 'juliet@example.org/c0ffee.gone'
    for (const from of [OTHER, gossip, CONTACT]) stanzas.receive(`<presence from='${from}'/>`)
    await settle()
    stanzas.goOffline()
    expect(gone).toEqual([])
    seen.length = 0
    stanzas.goOnline('juliet@example.org/c0ffee.again')
    stanzas.receive(`<presence from='${OTHER}'/>`)
    await settle()
    expect(seen).toEqual([{ endpoint: `xmpp:${OTHER}`, elder: true }])
    // The contact's service may not have answered yet.
    expect(gone).toEqual([`xmpp:${gossip}`])
  })

  test('a cut in the middle of arriving makes nobody vanish', async () => {
    const { stanzas, gone, settle, fail } = started()
    stanzas.receive(`<presence from='${OTHER}'/>`)
    await settle()
    stanzas.goOnline('juliet@example.org/c0ffee.again')
    stanzas.goOffline()
    await fail('disconnected')
    expect(gone).toEqual([])
  })

  test('a flood is cut off at a limit and counted', () => {
    const { stanzas, seen, rendezvous } = started()
    for (let i = 0; i < MAX_CANDIDATES + 5; i++)
      stanzas.receive(xml('presence', { from: `juliet@example.org/c0ffee.${i}` }))
    expect(seen).toHaveLength(MAX_CANDIDATES)
    expect(rendezvous.dropped.get('table-full')).toBe(5)
  })

  test('hostile presence neither throws nor leaves the table wrong', () => {
    const froms = [OTHER, CONTACT, ME, 'juliet@example.org/c0ffee. with space', `a@b/c0ffee.${'x'.repeat(2_000)}`]
    fc.assert(
      fc.property(fc.array(hostilePresence(froms), { maxLength: 30 }), (presences) => {
        const { stanzas, seen, gone } = started()
        for (const presence of presences) stanzas.receive(presence)
        const present = new Set<string>()
        for (const { endpoint } of seen) expect(endpoint).toMatch(/^xmpp:[^/]+\/c0ffee\./)
        for (const { endpoint } of seen) present.add(endpoint)
        for (const endpoint of gone) expect(present).toContain(endpoint)
      }),
    )
  })

  test('what cannot be an endpoint is dropped and counted', () => {
    const { stanzas, seen, rendezvous } = started()
    stanzas.receive(xml('presence', { from: 'juliet@example.org/c0ffee. a b' }))
    expect(seen).toEqual([])
    expect(rendezvous.dropped.get('bad-jid')).toBe(1)
  })

  describe('where enough greet for a ring of many', () => {
    const greeter = (index: number, from = 'juliet@example.org') =>
      `<presence from='${from}/c0ffee.g${index}'><greeter xmlns='urn:overture:rendezvous:0'/></presence>`
    const meet = (stanzas: ScriptedStanzas, count: number, from?: string) => {
      for (let index = 0; index < count; index++) stanzas.receive(greeter(index, from))
    }
    const types = (stanzas: ScriptedStanzas) => stanzas.sent.map(({ attrs }) => attrs.type ?? 'available')

    test('a newcomer is seen for as long as it takes to see them, which are shown as what they are', async () => {
      const { stanzas, seen, settle } = started()
      meet(stanzas, ENOUGH_GREETERS)
      expect(types(stanzas)).toEqual(['available'])
      await settle()
      expect(types(stanzas)).toEqual(['available', 'unavailable'])
      expect(seen).toHaveLength(ENOUGH_GREETERS)
      expect(seen[0]).toEqual({ endpoint: 'xmpp:juliet@example.org/c0ffee.g0', elder: true, greeter: true })
    })

    test('one fewer is not enough', async () => {
      const { stanzas, settle } = started()
      meet(stanzas, ENOUGH_GREETERS - 1)
      await settle()
      expect(types(stanzas)).toEqual(['available'])
    })

    test('those of a contact excuse nobody: who has us as a contact does not see them', async () => {
      const { stanzas, settle, rendezvous } = started()
      meet(stanzas, 2 * ENOUGH_GREETERS, 'romeo@example.org')
      await settle()
      rendezvous.show('quiet')
      expect(types(stanzas)).toEqual(['available'])
    })

    test('who is elected says so, and who is no longer goes when enough others greet', async () => {
      const { stanzas, settle, rendezvous } = started()
      await settle()
      rendezvous.show('greeter')
      expect(stanzas.sent.at(-1)?.getChild('greeter', 'urn:overture:rendezvous:0')).toBeDefined()
      meet(stanzas, ENOUGH_GREETERS)
      expect(types(stanzas)).toEqual(['available', 'available'])
      rendezvous.show('quiet')
      expect(types(stanzas)).toEqual(['available', 'available', 'unavailable'])
    })

    test('who is to be quiet stays until enough others greet, and those who have gone do not count', async () => {
      const { stanzas, settle, rendezvous } = started()
      await settle()
      rendezvous.show('quiet')
      meet(stanzas, ENOUGH_GREETERS - 1)
      stanzas.receive(`<presence from='juliet@example.org/c0ffee.g0' type='unavailable'/>`)
      stanzas.receive(greeter(50))
      expect(types(stanzas)).toEqual(['available'])
      stanzas.receive(greeter(51))
      expect(types(stanzas)).toEqual(['available', 'unavailable'])
    })

    test('of those whom nobody lets in the first by name are seen, and the others are not', async () => {
      const names = Array.from({ length: 3 * ENOUGH_SEEKERS }, (_, index) => `juliet@example.org/c0ffee.${index}`)
      const deciding = names.map(async (own) => {
        const { stanzas, settle, rendezvous } = started(own)
        await settle()
        rendezvous.show('seeking')
        for (const name of names) if (name !== own) stanzas.receive(`<presence from='${name}'/>`)
        return rendezvous.isSeen
      })
      const seen = (await Promise.all(deciding)).filter((isSeen) => isSeen)
      expect(seen).toHaveLength(ENOUGH_SEEKERS)
    })

    test('who went unseen looks again each time that it says it seeks', async () => {
      const { stanzas, settle, rendezvous } = started()
      await settle()
      rendezvous.show('seeking')
      for (let index = 0; index < ENOUGH_SEEKERS; index++)
        stanzas.receive(`<presence from='juliet@example.org/c0ffee.${index}'/>`)
      rendezvous.show('seeking')
      expect(types(stanzas)).toEqual(['available', 'unavailable', 'available'])
    })

    test('a quiet one is seen again when its ring is lost, and not before, though its service lets it in anew', async () => {
      const { stanzas, settle, rendezvous } = started()
      meet(stanzas, ENOUGH_GREETERS)
      await settle()
      rendezvous.show('quiet')
      stanzas.goOffline()
      stanzas.goOnline('juliet@example.org/c0ffee.again')
      expect(types(stanzas)).toEqual(['available', 'unavailable'])
      rendezvous.show('shown')
      expect(types(stanzas)).toEqual(['available', 'unavailable', 'available'])
    })
  })

  describe('whether others go to rooms for our account', () => {
    const other = (index: number, type = '') =>
      `<presence from='juliet@example.org/c0ffee.${index}'${type && ` type='${type}'`}/>`

    test('is not known before we know who is there', () => {
      expect(started().rendezvous.represented).toBeUndefined()
    })

    test('they do when enough of them come before us by name, and no longer when one has gone', async () => {
      const { stanzas, settle, rendezvous } = started()
      await settle()
      const changes: (boolean | undefined)[] = []
      rendezvous.onRepresented(() => changes.push(rendezvous.represented))
      for (let index = 0; index < ENOUGH_GREETERS; index++) stanzas.receive(other(index))
      stanzas.receive(other(0, 'unavailable'))
      expect([rendezvous.represented, changes]).toEqual([false, [true, false]])
    })

    test('they do not when they come after us, are contacts, or know another namespace', async () => {
      const { stanzas, settle, rendezvous } = started()
      await settle()
      for (let index = 0; index < 2 * ENOUGH_GREETERS; index++) {
        stanzas.receive(`<presence from='juliet@example.org/c0ffee.z${index}'/>`)
        stanzas.receive(`<presence from='a@example.org/c0ffee.${index}'/>`)
        stanzas.receive(`<presence from='juliet@example.org/decaf.${index}'/>`)
      }
      expect(rendezvous.represented).toBe(false)
    })

    test('of those who do, enough are left when each decides by itself', async () => {
      const names = Array.from({ length: 3 * ENOUGH_GREETERS }, (_, index) => `juliet@example.org/c0ffee.${index}`)
      const deciding = names.map(async (own) => {
        const { stanzas, settle, rendezvous } = started(own)
        await settle()
        for (const name of names) if (name !== own) stanzas.receive(`<presence from='${name}'/>`)
        return rendezvous.represented
      })
      const alone = (await Promise.all(deciding)).filter((represented) => !represented)
      expect(alone).toHaveLength(ENOUGH_GREETERS)
    })
  })

  test('after a stop it says goodbye and hears nothing', () => {
    const { stanzas, seen, rendezvous } = started()
    rendezvous.stop()
    expect(stanzas.sent.at(-1)?.attrs.type).toBe('unavailable')
    stanzas.receive(`<presence from='${OTHER}'/>`)
    expect(seen).toEqual([])
  })
})

function started(own = ME) {
  const stanzas = new ScriptedStanzas(own)
  let answer: { resolve: () => void; reject: (error: Error) => void } | undefined
  stanzas.answer = () =>
    new Promise((resolve, reject) => {
      answer = { resolve: () => resolve(undefined), reject }
    })
  const rendezvous = new PresenceRendezvous(stanzas, HASH)
  const seen: Candidate[] = []
  const gone: string[] = []
  rendezvous.start({ appeared: (it) => seen.push(it), vanished: (it) => gone.push(it) })
  const settle = async () => {
    answer?.resolve()
    await Promise.resolve()
    await Promise.resolve()
  }
  const fail = async (condition: string) => {
    answer?.reject(new StanzaError(condition))
    await Promise.resolve()
    await Promise.resolve()
  }
  return { stanzas, rendezvous, seen, gone, settle, fail }
}
