/** Hostile presence: what strangers and broken services may send, for property tests. For tests only. */
import fc from 'fast-check'
import { type Element, xml } from '../xmpp/stanza.ts'

/** Presences that have `from`s and parts like real ones, mixed with anything. */
export function hostilePresence(froms: string[]): fc.Arbitrary<Element> {
  const from = fc.option(
    fc.oneof(fc.constantFrom(...froms), fc.string(), fc.string({ maxLength: 20 }).map(suffixed(froms))),
  )
  const type = fc.option(fc.oneof(fc.constantFrom('unavailable', 'error', 'subscribe', 'probe'), fc.string()))
  const jid = fc.option(fc.oneof(fc.constantFrom(...froms, 'a@b/c', '/', 'a@b', '@/', 'a\u0000@b/c'), fc.string()))
  const status = fc.option(fc.oneof(fc.constantFrom('110', '201', '210', '307'), fc.string()))
  const child = fc.oneof(
    jid.map((it) => xml('peer', { xmlns: 'urn:overture:rendezvous:0', ...attribute('jid', it) })),
    fc
      .tuple(jid, fc.array(status, { maxLength: 3 }))
      .map(([it, codes]) =>
        xml(
          'x',
          { xmlns: 'http://jabber.org/protocol/muc#user' },
          xml('item', attribute('jid', it)),
          ...codes.map((code) => xml('status', attribute('code', code))),
        ),
      ),
    fc.constant(xml('error', {})),
    fc.constant(xml('error', {}, xml('conflict', { xmlns: 'urn:ietf:params:xml:ns:xmpp-stanzas' }))),
    fc.stringMatching(/^[a-z]{1,5}$/).map((name) => xml(name)),
    fc.string(),
  )
  return fc
    .tuple(from, type, fc.array(child, { maxLength: 3 }))
    .map(([sender, kind, children]) =>
      xml('presence', { ...attribute('from', sender), ...attribute('type', kind) }, ...children),
    )
}

function attribute(name: string, value: string | null): Record<string, string> {
  return value === null ? {} : { [name]: value }
}

function suffixed(froms: string[]): (suffix: string) => string {
  return (suffix) => `${froms[0]}${suffix}`
}
