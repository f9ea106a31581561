import { describe, expect, test } from 'vitest'
import { type Clock, StanzaError } from '../ports.ts'
import { Requests } from './requests.ts'
import { parseXml } from './stanza.ts'

const OWN = { jid: 'juliet@example.org/balcony', domain: 'example.org' }

describe('requests', () => {
  test('an answer from somebody else than who was asked is not taken', async () => {
    const requests = new Requests(stillClock())
    const outcome = requests.add('1', 'romeo@example.org/garden')
    for (const from of ['tybalt@example.org/street', 'romeo@example.org/Garden', 'romeo@example.org', 'example.org']) {
      expect(requests.handle(result('1', from), OWN)).toBe('forged-answer')
    }
    expect(requests.handle(result('1'), OWN)).toBe('forged-answer')
    expect(requests.handle(result('1', 'Romeo@Example.org/garden'), OWN)).toBeUndefined()
    expect((await outcome)?.getName()).toBe('x')
  })

  test.each([undefined, 'example.org', 'juliet@example.org', 'juliet@example.org/balcony'])(
    'our own service may answer as %s',
    async (from) => {
      for (const to of [undefined, 'example.org'].filter(
        (it) => it === undefined || from === undefined || from === it,
      )) {
        const requests = new Requests(stillClock())
        const outcome = requests.add('1', to)
        expect(requests.handle(result('1', from), OWN)).toBeUndefined()
        await outcome
      }
    },
  )

  test('a second answer is late', () => {
    const requests = new Requests(stillClock())
    void requests.add('1', 'a@b/c')
    requests.handle(result('1', 'a@b/c'), OWN)
    expect(requests.handle(result('1', 'a@b/c'), OWN)).toBe('late-answer')
  })

  test('an error becomes a StanzaError with its condition and text', async () => {
    const requests = new Requests(stillClock())
    const outcome = requests.add('1', undefined)
    const error = `<error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text>Not you.</text></error>`
    requests.handle(parse(`<iq type='error' id='1'><query xmlns='q'/>${error}</iq>`), OWN)
    await expect(outcome).rejects.toMatchObject({ name: 'StanzaError', condition: 'forbidden', message: 'Not you.' })
  })

  test('an error without a condition is still one', async () => {
    const requests = new Requests(stillClock())
    const outcome = requests.add('1', undefined)
    requests.handle(parse(`<iq type='error' id='1'/>`), OWN)
    await expect(outcome).rejects.toMatchObject({ condition: 'undefined-condition' })
  })

  test('a request has a deadline, its own or the usual', async () => {
    const clock = stillClock()
    const requests = new Requests(clock)
    const soon = requests.add('soon', undefined, 100)
    const usual = requests.add('usual', undefined)
    clock.advance(100)
    await expect(soon).rejects.toMatchObject({ condition: 'timeout' })
    expect(requests.has('usual')).toBe(true)
    clock.advance(10_000)
    await expect(usual).rejects.toMatchObject({ condition: 'timeout' })
  })

  test('all fail together when the binding is gone', async () => {
    const requests = new Requests(stillClock())
    const outcomes = [requests.add('1', undefined), requests.add('2', undefined)]
    requests.failAll(new StanzaError('disconnected'))
    for (const outcome of outcomes) await expect(outcome).rejects.toMatchObject({ condition: 'disconnected' })
  })
})

function result(id: string, from?: string) {
  return parse(`<iq type='result' id='${id}' ${from === undefined ? '' : `from='${from}'`}><x xmlns='y'/></iq>`)
}

function parse(text: string) {
  const element = parseXml(text)
  if (element === undefined) throw new Error(`Not XML: ${text}`)
  return element
}

function stillClock(): Clock & { advance(ms: number): void } {
  let now = 0
  const alarms = new Set<{ at: number; wake: () => void }>()
  return {
    now: () => now,
    wakeAt(at, wake) {
      const alarm = { at, wake }
      alarms.add(alarm)
      return () => alarms.delete(alarm)
    },
    advance(ms) {
      now += ms
      for (const alarm of [...alarms]) if (alarm.at <= now && alarms.delete(alarm)) alarm.wake()
    },
  }
}
