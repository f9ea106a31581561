/** Does a session sign in by SCRAM, and does it believe nobody who has not proved to know the password? */
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { installNodeWebSocket } from './node-websocket.ts'
import type { Element } from './stanza.ts'
import { type Script, ScriptedService } from './test-scripted-service.ts'
import { afterwards, closeTestSessions, newSession } from './test-sessions.ts'

const SASL = { name: 'SASL', ns: 'urn:ietf:params:xml:ns:xmpp-sasl', sasl2: false }
const SASL2 = { name: 'SASL2', ns: 'urn:xmpp:sasl:2', sasl2: true }
const FRAMINGS = [SASL, SASL2]
const PASSWORD = 'rosé ♥'
const ITERATIONS = 4_096

beforeAll(installNodeWebSocket)
afterEach(async () => {
  vi.unstubAllGlobals()
  await closeTestSessions()
})

describe.each(FRAMINGS)('sign-in by SCRAM: $name', (framing) => {
  test.each(['SCRAM-SHA-1', 'SCRAM-SHA-256'])(
    '%s lets in who knows the password, and shows it to nobody',
    async (mechanism) => {
      const service = await serviceWith(framing, new ScramServer(framing), ['PLAIN', mechanism])
      const session = newSession(service.url, { jid: 'juliet@localhost', password: PASSWORD })
      await session.start()
      const [auth] = service.heard.filter((text) => text.includes('mechanism='))
      expect(auth).toContain(`mechanism="${mechanism}"`)
      expect(service.heard.some((text) => text.includes(btoa('\0juliet\0').slice(0, 8)))).toBe(false)
      expect(session.state.name).toBe('online')
    },
  )

  test('a wrong password is said to be one', async () => {
    const service = await serviceWith(framing, new ScramServer(framing), ['SCRAM-SHA-256'])
    const session = newSession(service.url, { jid: 'juliet@localhost', password: 'thorn' })
    await expect(session.start()).rejects.toMatchObject({ code: 'wrong-password' })
  })

  test.each<[string, Fault]>([
    ['lets us in at once', 'success first'],
    ['lets us in without a proof', 'no proof'],
    ['has a wrong proof', 'wrong proof'],
    ['sends no base64 with its success', 'success no base64'],
    ['sends no base64 as its challenge', 'challenge no base64'],
    ['sends no UTF-8', 'challenge no UTF-8'],
    ['sends back only our nonce', 'short nonce'],
    ['wants iterations for hours', 'many iterations'],
    ['asks the same again', 'challenge twice'],
  ])('a service that %s is not believed', async (_what, fault) => {
    const service = await serviceWith(framing, new ScramServer(framing, { fault }), ['SCRAM-SHA-1'])
    const session = newSession(service.url, { jid: 'juliet@localhost', password: PASSWORD })
    await expect(session.start()).rejects.toMatchObject({ code: 'service-unproven', retryable: false })
    expect(session.state.name).toBe('offline')
    expect(service.heard.some((text) => text.includes('xmpp-bind'))).toBe(false)
  })

  test('a proof that comes as one more challenge is as good', async () => {
    const service = await serviceWith(framing, new ScramServer(framing, { fault: 'proof as challenge' }), [
      'SCRAM-SHA-1',
    ])
    const session = newSession(service.url, { jid: 'juliet@localhost', password: PASSWORD })
    await session.start()
    expect(session.state.name).toBe('online')
  })
})

test('a page without WebCrypto uses PLAIN, and says what it lacks where that is not taken', async () => {
  vi.stubGlobal('crypto', { getRandomValues: crypto.getRandomValues.bind(crypto) })
  const account = { jid: 'juliet@localhost', password: PASSWORD }
  const both = await serviceWith(SASL, undefined, ['SCRAM-SHA-256', 'PLAIN'])
  await newSession(both.url, account).start()
  expect(both.heard.some((text) => text.includes('mechanism="PLAIN"'))).toBe(true)
  const scramOnly = await serviceWith(SASL, undefined, ['SCRAM-SHA-256'])
  const attempt = newSession(scramOnly.url, account).start()
  await expect(attempt).rejects.toMatchObject({ code: 'no-way-in', message: expect.stringContaining('SCRAM') })
})

test('a service that sends us to another host is not followed there with a password', async () => {
  const other = await serviceWith(SASL, undefined, ['PLAIN'])
  const { host } = new URL(other.url)
  const service = await serviceWith(SASL, undefined, ['PLAIN'])
  service.script.sasl = (_step, say) => {
    const error = `<see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>${host}</see-other-host>`
    say(`<stream:error xmlns:stream='http://etherx.jabber.org/streams'>${error}</stream:error>`)
    service.hangUp()
  }
  const session = newSession(service.url, { jid: 'juliet@localhost', password: PASSWORD })
  for (let count = 0; count < 3; count++) {
    const expected = { code: 'server-unreachable', message: expect.stringContaining('see-other-host') }
    await expect(session.start()).rejects.toMatchObject(expected)
  }
  expect(other.heard).toEqual([])
})

test('a service that lets nobody in for now is said to do so, and not to be none', async () => {
  const service = await serviceWith(SASL, undefined, ['PLAIN'])
  service.script.sasl = (_step, say) =>
    say(`<failure xmlns='${SASL.ns}'><temporary-auth-failure xmlns='${SASL.ns}'/></failure>`)
  const session = newSession(service.url, { jid: 'juliet@localhost', password: PASSWORD })
  const expected = { code: 'server-unreachable', message: expect.stringContaining('temporary-auth-failure') }
  await expect(session.start()).rejects.toMatchObject(expected)
})

type Framing = (typeof FRAMINGS)[number]
type Fault =
  | 'success first'
  | 'no proof'
  | 'wrong proof'
  | 'success no base64'
  | 'challenge no base64'
  | 'challenge no UTF-8'
  | 'short nonce'
  | 'many iterations'
  | 'challenge twice'
  | 'proof as challenge'

async function serviceWith(
  framing: Framing,
  server: ScramServer | undefined,
  mechanisms: string[],
): Promise<ScriptedService> {
  const script: Script = {
    mechanisms,
    sasl2: framing.sasl2,
    ...(server && { sasl: (step, say) => server.handle(step, say) }),
  }
  const service = await ScriptedService.listen(script)
  afterwards(() => service.close())
  return service
}

/** The other side of RFC 5802, by other means, and its faults. */
class ScramServer {
  private readonly framing: Framing
  private readonly fault: Fault | undefined
  private readonly salt = Buffer.from('a pinch of it')
  private hash = ''
  private clientFirst = ''
  private serverFirst = ''

  constructor(framing: Framing, options: { fault?: Fault } = {}) {
    this.framing = framing
    this.fault = options.fault
  }

  handle(step: Element, say: (text: string) => void): void {
    if (step.name === 'response') {
      this.judge(textOf(step), say)
      return
    }
    this.hash = step.attrs.mechanism === 'SCRAM-SHA-1' ? 'sha1' : 'sha256'
    this.clientFirst = textOf(step.getChild('initial-response') ?? step).replace(/^n,,/, '')
    const nonce = this.clientFirst.split('r=')[1]
    const iterations = this.fault === 'many iterations' ? 1e12 : ITERATIONS
    const ours = this.fault === 'short nonce' ? '' : 'ours'
    this.serverFirst = `r=${nonce}${ours},s=${this.salt.toString('base64')},i=${iterations}`
    if (this.fault === 'success first') say(this.success('v=AAAA'))
    else if (this.fault === 'challenge no base64') say(`<challenge xmlns='${this.framing.ns}'>§§§</challenge>`)
    else if (this.fault === 'challenge no UTF-8') say(`<challenge xmlns='${this.framing.ns}'>/w==</challenge>`)
    else say(this.challenge(this.serverFirst))
  }

  private judge(clientFinal: string, say: (text: string) => void): void {
    if (this.fault === 'challenge twice') {
      say(this.challenge(this.serverFirst))
      return
    }
    if (clientFinal === '') {
      say(`<success xmlns='${this.framing.ns}'/>`)
      return
    }
    const [withoutProof = '', proof = ''] = clientFinal.split(',p=')
    const message = `${this.clientFirst},${this.serverFirst},${withoutProof}`
    const length = this.hash === 'sha1' ? 20 : 32
    const salted = pbkdf2Sync(PASSWORD.normalize('NFKC'), this.salt, ITERATIONS, length, this.hash)
    const clientKey = hmac(this.hash, salted, 'Client Key')
    const signature = hmac(this.hash, createHash(this.hash).update(clientKey).digest(), message)
    const expected = Buffer.from(clientKey.map((octet, index) => octet ^ (signature[index] ?? 0))).toString('base64')
    const ours = `v=${hmac(this.hash, hmac(this.hash, salted, 'Server Key'), message).toString('base64')}`
    if (proof !== expected) say(`<failure xmlns='${this.framing.ns}'><not-authorized xmlns='${SASL.ns}'/></failure>`)
    else if (this.fault === 'no proof') say(`<success xmlns='${this.framing.ns}'/>`)
    else if (this.fault === 'wrong proof') say(this.success(`v=${Buffer.alloc(length).toString('base64')}`))
    else if (this.fault === 'success no base64') say(this.success(undefined))
    else if (this.fault === 'proof as challenge') say(this.challenge(ours))
    else say(this.success(ours))
  }

  private challenge(text: string): string {
    return `<challenge xmlns='${this.framing.ns}'>${btoa(text)}</challenge>`
  }

  private success(text: string | undefined): string {
    const base64 = text === undefined ? '§§§' : btoa(text)
    const { ns, sasl2 } = this.framing
    if (!sasl2) return `<success xmlns='${ns}'>${base64}</success>`
    const who = '<authorization-identifier>juliet@localhost</authorization-identifier>'
    return `<success xmlns='${ns}'><additional-data>${base64}</additional-data>${who}</success>`
  }
}

function textOf(element: Element): string {
  return Buffer.from(element.getText(), 'base64').toString()
}

function hmac(hash: string, key: Buffer, text: string): Buffer {
  return createHmac(hash, key).update(text).digest()
}
