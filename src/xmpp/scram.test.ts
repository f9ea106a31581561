import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { OvertureError } from '../overture-error.ts'
import { MAX_ITERATIONS, Scram, type ScramOptions, saslPrep } from './scram.ts'

/** What the specifications print. */
const PUBLISHED = [
  {
    source: 'RFC 5802 §5',
    hash: 'SHA-1',
    nonce: 'fyko+d2lbbFgONRv9qkxdawL',
    first: 'n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL',
    challenge: 'r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096',
    answer: 'c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=',
    final: 'v=rmF9pqV8S7suAoZWja4dJRkFsKQ=',
  },
  {
    source: 'RFC 7677 §3',
    hash: 'SHA-256',
    nonce: 'rOprNGfwEbeRWgbNEkqO',
    first: 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO',
    challenge: 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
    answer:
      'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
    final: 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
  },
] as const

const [SHA_1] = PUBLISHED

describe('scram', () => {
  test.each(PUBLISHED)('the exchange of $source comes out as printed', async ({ hash, nonce, ...printed }) => {
    const scram = scramOf({ hash, nonce })
    expect(scram.first).toBe(printed.first)
    expect(await scram.answer(printed.challenge)).toBe(printed.answer)
    scram.verify(printed.final)
    expect(scram.isProven).toBe(true)
  })

  test('extensions that nobody has heard of do not matter, mandatory ones do', async () => {
    await scramOf().answer(`${SHA_1.challenge},x=y,z=1`)
    expect((await complaintOf(scramOf().answer(`m=x,${SHA_1.challenge}`))).message).toContain('cannot be read')
  })

  test.each([
    ['no proof', '', 'without a proof'],
    ['an error', 'e=other-error', 'without a proof'],
    ['another proof', 'v=AAAApqV8S7suAoZWja4dJRkFsKQ=', 'proof is wrong'],
    ['a proof that is no base64', 'v=♥', 'proof is wrong'],
    ['half of the proof', SHA_1.final.slice(0, 12), 'proof is wrong'],
  ])('a service with %s is not believed', async (_what, final, why) => {
    const scram = scramOf()
    await scram.answer(SHA_1.challenge)
    expect((await complaintOf(() => scram.verify(final))).message).toContain(why)
    expect(scram.isProven).toBe(false)
  })

  test.each([
    ['the nonce of another sign-in', 'r=other3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096', 'another sign-in'],
    ['nothing but our nonce', `r=${SHA_1.nonce},s=QSXCR+Q6sek8bf92,i=4096`, 'another sign-in'],
    ['a part of our nonce', `r=${SHA_1.nonce.slice(0, 8)},s=QSXCR+Q6sek8bf92,i=4096`, 'another sign-in'],
    ['few iterations', SHA_1.challenge.replace('4096', '4095'), '4095 iterations'],
    ['iterations for hours', SHA_1.challenge.replace('4096', '4000000000'), '4000000000 iterations'],
    ['iterations beyond numbers', SHA_1.challenge.replace('4096', '9'.repeat(400)), 'cannot be read'],
    ['one iteration too many', SHA_1.challenge.replace('4096', `${MAX_ITERATIONS + 1}`), 'iterations'],
    ['salt that is no base64', SHA_1.challenge.replace('QSXCR+Q6sek8bf92', 'QSXC='), 'cannot be read'],
    ['no salt', SHA_1.challenge.replace('QSXCR+Q6sek8bf92', ''), 'cannot be read'],
    ['endless salt', SHA_1.challenge.replace('QSXC', 'QSXC'.repeat(2_000)), 'cannot be read'],
    ['nothing', '', 'cannot be read'],
  ])('a challenge with %s is refused before any work', async (_what, challenge, why) => {
    const complaint = await complaintOf(scramOf().answer(challenge))
    expect(complaint).toMatchObject({ code: 'service-unproven', retryable: false })
    expect(complaint.message).toContain(why)
  })

  test('whoever proves before we have answered, or asks twice, is refused', async () => {
    const scram = scramOf()
    expect((await complaintOf(() => scram.verify(SHA_1.final))).message).toContain('before we have answered')
    const answering = scram.answer(SHA_1.challenge)
    expect((await complaintOf(() => scram.verify(SHA_1.final))).message).toContain('before we have answered')
    expect((await complaintOf(scram.answer(SHA_1.challenge))).message).toContain('asks twice')
    await answering
    scram.verify(SHA_1.final)
    expect((await complaintOf(scram.answer(SHA_1.challenge))).message).toContain('asks twice')
  })

  test('whatever a service sends, the complaint is an OvertureError', async () => {
    const messages = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.stringMatching(/^[rsim]=[ -~]{0,20},s=[A-Za-z0-9+/=]{0,20},i=\d{0,5}$/),
      fc.constantFrom(...PUBLISHED.map(({ final }) => final)),
    )
    await fc.assert(
      fc.asyncProperty(messages, messages, async (challenge, final) => {
        const scram = scramOf()
        await complaintOf(scram.answer(challenge))
        await complaintOf(() => scram.verify(final))
      }),
    )
  })

  test('a name keeps its commas and equals signs apart from those of the message', () => {
    expect(scramOf({ username: 'a=b,c' }).first).toBe(`n,,n=a=3Db=2Cc,r=${SHA_1.nonce}`)
  })

  test.each([
    ['I\u00ADX', 'IX'],
    ['user', 'user'],
    ['USER', 'USER'],
    ['\u00AA', 'a'],
    ['\u2168', 'IX'],
    ['a\u00A0b\u3000c', 'a b c'],
  ])('%j is prepared as %j (RFC 4013 §3)', (text, prepared) => {
    expect(saslPrep(text)).toBe(prepared)
  })
})

function scramOf(options: Partial<ScramOptions> = {}): Scram {
  return new Scram({
    hash: 'SHA-1',
    domain: 'example.org',
    username: 'user',
    password: 'pencil',
    nonce: SHA_1.nonce,
    ...options,
  })
}

async function complaintOf(act: Promise<unknown> | (() => unknown)): Promise<OvertureError> {
  try {
    await (typeof act === 'function' ? act() : act)
  } catch (error) {
    if (error instanceof OvertureError) return error
    throw error
  }
  throw new Error('There was no complaint.')
}
