import { describe, expect, test } from 'vitest'
import { Sight } from './page-world.ts'

const STREAMS = `xmlns:stream='http://etherx.jabber.org/streams'`

function sightOf(...messages: string[]): Sight {
  const sight = new Sight()
  for (const message of messages) sight.read(message)
  return sight
}

describe('what is seen on a stream', () => {
  test('are the mechanisms and registration, before sign-in', () => {
    const sight = sightOf(
      `<stream:features ${STREAMS}><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism>` +
        `</mechanisms><register xmlns='http://jabber.org/features/iq-register'/></stream:features>`,
      `<stream:features ${STREAMS}><sm xmlns='urn:xmpp:sm:3'/></stream:features>`,
    )
    expect(sight).toMatchObject({ mechanisms: ['PLAIN'], registers: true, offersManagement: true })
  })

  test('are the limits that hold after it', () => {
    const sight = sightOf(
      `<stream:features ${STREAMS}><limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>10000</max-bytes></limits>` +
        '</stream:features>',
    )
    expect(sight.limits).toEqual({ maxStanzaBytes: 10_000, idleMs: undefined })
  })

  test('is for how long a stream can be resumed', () => {
    expect(sightOf(`<enabled xmlns='urn:xmpp:sm:3' id='a' resume='true' max='30'/>`).management).toEqual({
      resumes: true,
      maxS: 30,
    })
  })

  test('is nothing in what is broken or endless', () => {
    const sight = sightOf('<stream:features', `<enabled ${' '.repeat(70_000)}/>`, '<enabled>', '', '\u0000')
    expect(sight).toEqual(new Sight())
  })
})
