import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MAIL_KINDS, type Mail, MailWriter, mailbox, readMail } from './border-mail.ts'

const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const mail: fc.Arbitrary<Mail> = fc.record({
  kind: fc.constantFrom(...MAIL_KINDS),
  network: fc.integer({ min: 0, max: 255 }),
  atMs: fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }),
  to: u32,
  from: u32,
  more: u32,
})

function read(buffer: SharedArrayBuffer, length: number): [Mail, Uint8Array][] {
  const found: [Mail, Uint8Array][] = []
  readMail(buffer, length, (one, payload) => found.push([one, payload]))
  return found
}

test('what is written is read, each as it was and in its order', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(mail, fc.uint8Array({ maxLength: 300 })), { maxLength: 30 }), (letters) => {
      const buffer = mailbox()
      const writer = new MailWriter(buffer)
      for (const [one, payload] of letters) writer.write(one, payload)
      expect(read(buffer, writer.length)).toEqual(letters)
    }),
  )
})

test('a mailbox grows with what is written, and holds nothing of it once it was cleared', () => {
  const buffer = mailbox()
  const writer = new MailWriter(buffer)
  const one: Mail = { kind: 'frame', network: 1, atMs: 7, to: 1, from: 2, more: 3 }
  const payload = new Uint8Array(60_000).fill(9)
  for (let index = 0; index < 5; index++) writer.write(one, payload)
  expect(read(buffer, writer.length)).toEqual(Array(5).fill([one, payload]))
  writer.clear()
  expect(writer.length).toBe(0)
  writer.write(one)
  expect(read(buffer, writer.length)).toEqual([[one, new Uint8Array(0)]])
})
