import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Candidate, StanzaError } from '../ports.ts'
import { type Element, xml } from '../xmpp/stanza.ts'
import { GreeterList, MAX_LISTED } from './greeter-list.ts'
import { ENOUGH_GREETERS } from './greeter-watch.ts'
import { LISTED_FROM, PresenceRendezvous } from './presence.ts'
import { type Asked, ScriptedClock, ScriptedStanzas } from './scripted-stanzas.ts'

const ACCOUNT = 'juliet@example.org'
const ME = `${ACCOUNT}/c0ffee.me`
const XMLNS = 'urn:overture:greeters:c0ffee'
const WRITTEN_WITHIN_MS = 1_500

/** An account's private storage, as services keep it. */
function setup() {
  const stanzas = new ScriptedStanzas(ME)
  const clock = new ScriptedClock()
  let stored: Element = xml('greeters', { xmlns: XMLNS })
  stanzas.answer = async ({ type, child }: Asked) => {
    if (!child.is('query', 'jabber:iq:private')) return undefined
    const inner = child.getChildElements()[0] as Element
    if (type === 'set') stored = inner
    return xml('query', { xmlns: 'jabber:iq:private' }, type === 'set' ? inner : stored)
  }
  const list = new GreeterList({ stanzas, namespaceHash: 'c0ffee', clock, random: () => 0.5 })
  const keepResources = (...resources: unknown[]) => {
    stored = xml('greeters', { xmlns: XMLNS }, ...resources.map((resource) => xml('greeter', { resource })))
  }
  const kept = () => stored.getChildren('greeter').map(({ attrs }) => attrs.resource)
  const writes = () => stanzas.asked.filter(({ type }) => type === 'set').length
  return { stanzas, clock, list, keepResources, kept, writes }
}

describe('the list of greeters', () => {
  test('is what was kept, of this namespace and without ourselves', async () => {
    const { list, keepResources } = setup()
    keepResources('c0ffee.a', 'c0ffee.me', 'decaf.b', undefined, 'c0ffee.c')
    expect(await list.read()).toEqual([`${ACCOUNT}/c0ffee.a`, `${ACCOUNT}/c0ffee.c`])
  })

  test('whatever is kept there, is bounded and names resources of our account only', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string({ maxLength: 40 }), { maxLength: 80 }), async (resources) => {
        const { list, keepResources } = setup()
        keepResources(...resources.map((resource) => `c0ffee.${resource}`), ...resources)
        const listed = await list.read()
        expect(listed.length).toBeLessThanOrEqual(MAX_LISTED)
        for (const jid of listed) expect(jid.startsWith(`${ACCOUNT}/c0ffee.`)).toBe(true)
      }),
    )
  })

  test('is empty where the service keeps none', async () => {
    const { list, stanzas } = setup()
    stanzas.answer = () => Promise.reject(new StanzaError('service-unavailable'))
    expect(await list.read()).toEqual([])
  })

  test('is written by the one whose JID comes first, and by no other', async () => {
    const { list, clock, kept, writes } = setup()
    list.keep(ME, [ME, `${ACCOUNT}/c0ffee.a`])
    clock.advance(WRITTEN_WITHIN_MS)
    expect(writes()).toBe(0)
    list.keep(ME, [ME, `${ACCOUNT}/c0ffee.z`])
    clock.advance(WRITTEN_WITHIN_MS)
    expect(kept()).toEqual(['c0ffee.me', 'c0ffee.z'])
  })

  test('is written again by who comes first again, since others may have written meanwhile', async () => {
    const { list, clock, keepResources, kept } = setup()
    list.keep(ME, [ME])
    clock.advance(WRITTEN_WITHIN_MS)
    list.keep(ME, [ME, `${ACCOUNT}/c0ffee.a`])
    keepResources('c0ffee.a', 'c0ffee.me')
    list.keep(ME, [ME])
    clock.advance(WRITTEN_WITHIN_MS)
    expect(kept()).toEqual(['c0ffee.me'])
  })

  test('is written once for a burst of changes, which cannot put it off, and not for none', async () => {
    const { list, clock, kept, writes } = setup()
    for (let index = 0; index < 9; index++) {
      list.keep(ME, [ME, `${ACCOUNT}/c0ffee.z${index}`])
      clock.advance(WRITTEN_WITHIN_MS / 10)
    }
    expect(writes()).toBe(1)
    clock.advance(WRITTEN_WITHIN_MS)
    expect(kept()).toEqual(['c0ffee.me', 'c0ffee.z8'])
    const before = writes()
    list.keep(ME, [ME, `${ACCOUNT}/c0ffee.z8`])
    clock.advance(WRITTEN_WITHIN_MS)
    expect(writes()).toBe(before)
  })
})

const settle = async () => {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve()
}

function come(listed: number) {
  const { stanzas, list, keepResources, kept, clock } = setup()
  keepResources(...Array.from({ length: listed }, (_, index) => `c0ffee.g${index}`))
  const rendezvous = new PresenceRendezvous(stanzas, 'c0ffee', list)
  const seen: Candidate[] = []
  rendezvous.start({ appeared: (candidate) => seen.push(candidate), vanished: () => {} })
  return { stanzas, rendezvous, seen, kept, clock }
}

describe('where many of one account show themselves', () => {
  /** So many others, all of whom come after us by name. */
  async function meet(count: number, greeters = 0) {
    const it = come(0)
    await settle()
    it.rendezvous.show('shown')
    for (let index = 0; index < count; index++) {
      const mark = index < greeters ? `<greeter xmlns='urn:overture:rendezvous:0'/>` : ''
      it.stanzas.receive(`<presence from='${ACCOUNT}/c0ffee.z${index}'>${mark}</presence>`)
    }
    it.clock.advance(WRITTEN_WITHIN_MS)
    return it
  }

  test('all are listed, before there is a crowd that has greeters', async () => {
    const { kept } = await meet(LISTED_FROM - 1)
    expect(kept()).toHaveLength(LISTED_FROM)
  })

  test('fewer are not, since it is worth nothing', async () => {
    expect((await meet(LISTED_FROM - 2)).kept()).toEqual([])
  })

  test('a few greeters do not take the place of all', async () => {
    const { kept } = await meet(LISTED_FROM - 1, ENOUGH_GREETERS - 1)
    expect(kept()).toHaveLength(LISTED_FROM)
  })

  test('the list goes when too few are left', async () => {
    const { stanzas, kept, clock } = await meet(LISTED_FROM - 1)
    for (let index = 0; index < LISTED_FROM - ENOUGH_GREETERS; index++) {
      stanzas.receive(`<presence from='${ACCOUNT}/c0ffee.z${index}' type='unavailable'/>`)
      clock.advance(WRITTEN_WITHIN_MS)
    }
    expect(kept()).toHaveLength(ENOUGH_GREETERS)
    stanzas.receive(`<presence from='${ACCOUNT}/c0ffee.z10' type='unavailable'/>`)
    expect(kept()).toEqual([])
  })
})

describe('a newcomer whose account has a list', () => {
  test('of enough is shown them, and is seen by nobody', async () => {
    const { stanzas, seen, rendezvous } = come(ENOUGH_GREETERS)
    await settle()
    expect(stanzas.sent).toEqual([])
    expect(rendezvous.represented).toBe(true)
    expect(seen).toHaveLength(ENOUGH_GREETERS)
    expect(seen[0]).toEqual({ endpoint: `xmpp:${ACCOUNT}/c0ffee.g0`, elder: true, greeter: true })
  })

  test('of too few is seen as if there were none', async () => {
    const { stanzas, seen } = come(ENOUGH_GREETERS - 1)
    await settle()
    expect(stanzas.sent).toHaveLength(1)
    expect(seen).toEqual([])
  })

  test('is seen when those who are listed do not let it in, and clears the list where nobody is left', async () => {
    const { stanzas, rendezvous, kept } = come(ENOUGH_GREETERS)
    await settle()
    rendezvous.show('shown')
    expect(stanzas.sent).toHaveLength(1)
    await settle()
    expect(kept()).toEqual([])
  })
})
