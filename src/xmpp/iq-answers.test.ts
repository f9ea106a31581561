import { describe, expect, test, vi } from 'vitest'
import { StanzaError } from '../ports.ts'
import { IqAnswers } from './iq-answers.ts'
import { type Element, xml } from './stanza.ts'

class TieBreak extends StanzaError {
  constructor() {
    super('conflict')
  }

  override get application(): Element {
    return xml('tie-break', { xmlns: 'urn:xmpp:jingle:errors:1' })
  }
}

function answerTo(thrown: unknown) {
  const answers = new IqAnswers()
  answers.add('set', 'jingle', 'urn:xmpp:jingle:1', () => {
    throw thrown
  })
  const child = xml('jingle', { xmlns: 'urn:xmpp:jingle:1' })
  const failed = vi.fn()
  return { error: answers.answer(xml('iq', { type: 'set' }, child), child, 'a@b/c', failed), failed }
}

describe('an IQ that its handler refuses', () => {
  test('is answered by the condition and by what the application says beside it', () => {
    const { error, failed } = answerTo(new TieBreak())
    expect(error?.attrs.type).toBe('cancel')
    expect(error?.getChildElements().map((child) => child.getName())).toEqual(['conflict', 'tie-break'])
    expect(failed).not.toHaveBeenCalled()
  })

  test('is answered by the condition alone where there is nothing beside it', () => {
    const { error } = answerTo(new StanzaError('item-not-found'))
    expect(error?.getChildElements().map((child) => child.getName())).toEqual(['item-not-found'])
  })

  test('by mistake is answered as our error, and told', () => {
    const { error, failed } = answerTo(new TypeError('a bug'))
    expect(error?.getChild('internal-server-error')).toBeDefined()
    expect(failed).toHaveBeenCalledOnce()
  })
})
