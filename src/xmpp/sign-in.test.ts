import { describe, expect, test } from 'vitest'
import { StanzaError, type Storage } from '../ports.ts'
import { memoryStorage } from './memory-storage.ts'
import { type Credentials, type Door, SignIn } from './sign-in.ts'

type Service = {
  accounts: Map<string, string>
  steps: string[]
  register?: (attempt: number) => StanzaError | undefined
}

describe('sign-in', () => {
  test.each([
    ['SCRAM-SHA-256', ['PLAIN', 'ANONYMOUS', 'SCRAM-SHA-1', 'SCRAM-SHA-256']],
    ['SCRAM-SHA-1', ['PLAIN', 'ANONYMOUS', 'SCRAM-SHA-1']],
    ['PLAIN', ['ANONYMOUS', 'PLAIN', 'DIGEST-MD5']],
  ])('a password goes by %s where nothing better is offered, of the user and of a stranger', async (best, offered) => {
    const service = serviceWith(['juliet', 'rose'])
    await signIn({ username: 'juliet', password: 'rose' }).through(doorOf(service, offered))
    expect(service.steps).toEqual([`${best} juliet`])
    const storage = memoryStorage()
    const forStrangers = offered.filter((mechanism) => mechanism !== 'ANONYMOUS')
    await signIn({ storage }).through(doorOf(service, forStrangers))
    await signIn({ storage }).through(doorOf(service, forStrangers))
    const name = [...service.accounts.keys()][1]
    expect(service.steps.slice(1)).toEqual([`register ${name}`, `${best} ${name}`, `${best} ${name}`])
  })

  test('a service that refuses a proof does not get the password', async () => {
    const service = serviceWith(['juliet', 'rose'])
    const door = doorOf(service, ['SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN'])
    const attempt = signIn({ username: 'juliet', password: 'thorn' }).through(door)
    await expect(attempt).rejects.toMatchObject({ code: 'wrong-password' })
    expect(service.steps).toEqual(['SCRAM-SHA-256 juliet'])
  })

  test('a wrong password is said to be one, and no account is made', async () => {
    const service = serviceWith(['juliet', 'rose'])
    const attempt = signIn({ username: 'juliet', password: 'thorn' }).through(doorOf(service, ['ANONYMOUS', 'PLAIN']))
    await expect(attempt).rejects.toMatchObject({ code: 'wrong-password', retryable: false })
    expect(service.steps).toEqual(['PLAIN juliet'])
  })

  test('a service that takes no password says so instead of blaming it', async () => {
    const attempt = signIn({ username: 'juliet', password: 'rose' }).through(doorOf(serviceWith(), ['DIGEST-MD5']))
    await expect(attempt).rejects.toMatchObject({ code: 'no-way-in' })
  })

  test('a stranger comes in anonymously where that is offered', async () => {
    const service = serviceWith()
    await signIn().through(doorOf(service, ['PLAIN', 'ANONYMOUS']))
    expect(service.steps).toEqual(['ANONYMOUS'])
  })

  test('a stranger makes an account once and uses it again', async () => {
    const service = serviceWith()
    const storage = memoryStorage()
    await signIn({ storage }).through(doorOf(service, ['PLAIN']))
    await signIn({ storage }).through(doorOf(service, ['PLAIN']))
    const [name] = service.accounts.keys()
    expect(service.steps).toEqual([`register ${name}`, `PLAIN ${name}`, `PLAIN ${name}`])
  })

  test('a kept account that the service has forgotten is replaced once', async () => {
    const service = serviceWith()
    const storage = memoryStorage()
    await signIn({ storage }).through(doorOf(service, ['PLAIN']))
    service.accounts.clear()
    service.steps.length = 0
    await signIn({ storage }).through(doorOf(service, ['PLAIN']))
    const [name] = service.accounts.keys()
    expect(service.steps).toEqual([expect.stringMatching('PLAIN'), `register ${name}`, `PLAIN ${name}`])
    expect(await storage.get('xmpp-account:example.org')).toMatchObject({ username: name })
  })

  test('a service that is only busy does not cost a kept account', async () => {
    const service = serviceWith()
    const storage = memoryStorage()
    await signIn({ storage }).through(doorOf(service, ['PLAIN']))
    const door = doorOf(service, ['PLAIN'])
    door.authenticate = () => Promise.reject(new StanzaError('temporary-auth-failure'))
    await expect(signIn({ storage }).through(door)).rejects.toMatchObject({ condition: 'temporary-auth-failure' })
    expect(service.accounts.size).toBe(1)
  })

  test('accounts are kept by domain', async () => {
    const storage = memoryStorage()
    await signIn({ storage }).through(doorOf(serviceWith(), ['PLAIN']))
    const elsewhere = serviceWith()
    await signIn({ storage, domain: 'elsewhere.org' }).through(doorOf(elsewhere, ['PLAIN']))
    expect(elsewhere.steps[0]).toMatch('register')
  })

  test('a name that is taken is followed by another, and then by giving up', async () => {
    const lucky = serviceWith()
    lucky.register = (attempt) => (attempt === 1 ? new StanzaError('conflict') : undefined)
    await signIn().through(doorOf(lucky, ['PLAIN']))
    expect(lucky.accounts.size).toBe(1)
    const unlucky = serviceWith()
    unlucky.register = () => new StanzaError('conflict')
    await expect(signIn().through(doorOf(unlucky, ['PLAIN']))).rejects.toMatchObject({ code: 'registration-refused' })
    expect(unlucky.steps).toHaveLength(2)
  })

  test.each(['service-unavailable', 'not-allowed', 'forbidden'])(
    '%s to a registration means no way in',
    async (condition) => {
      const service = serviceWith()
      service.register = () => new StanzaError(condition)
      await expect(signIn().through(doorOf(service, ['PLAIN']))).rejects.toMatchObject({ code: 'no-way-in' })
    },
  )

  test('a registration that wants more than a name and a password is refused, with its condition', async () => {
    const service = serviceWith()
    service.register = () => new StanzaError('not-acceptable')
    const attempt = signIn().through(doorOf(service, ['PLAIN']))
    await expect(attempt).rejects.toMatchObject({
      code: 'registration-refused',
      message: expect.stringContaining('not-acceptable'),
    })
  })

  test('storage that is denied does not keep a stranger out', async () => {
    const denied = () => Promise.reject(new Error('denied'))
    const service = serviceWith()
    const storage: Storage = { get: denied, set: denied, delete: denied }
    await signIn({ storage }).through(doorOf(service, ['PLAIN']))
    expect(service.accounts.size).toBe(1)
  })

  test.each([[null], ['text'], [{ username: 1, password: 2 }], [[]]])('%j in storage is no account', async (kept) => {
    const storage = memoryStorage()
    await storage.set('xmpp-account:example.org', kept)
    const service = serviceWith()
    await signIn({ storage }).through(doorOf(service, ['PLAIN']))
    expect(service.steps[0]).toMatch('register')
  })
})

function signIn(options: { username?: string; password?: string; storage?: Storage; domain?: string } = {}): SignIn {
  const { username, password, storage = memoryStorage(), domain = 'example.org' } = options
  const address = { domain, username }
  return new SignIn({ address, password, storage, random: Math.random })
}

function serviceWith(...accounts: [string, string][]): Service {
  return { accounts: new Map(accounts), steps: [] }
}

function doorOf(service: Service, mechanisms: string[]): Door {
  let registrations = 0
  return {
    mechanisms,
    async authenticate(mechanism, credentials) {
      service.steps.push([mechanism, credentials?.username].join(' ').trim())
      if (mechanism === 'ANONYMOUS') return
      const { username, password } = credentials as Credentials
      if (service.accounts.get(username) !== password) throw new StanzaError('not-authorized')
    },
    async register({ username, password }) {
      service.steps.push(`register ${username}`)
      const refusal = service.register?.(++registrations)
      if (refusal !== undefined) throw refusal
      service.accounts.set(username, password)
    },
  }
}
