import { describe, expect, test } from 'vitest'
import { MAX_WAITING, Outbox } from './outbox.ts'

/** Bytes that are made when the test says so. */
function making(value: number) {
  let make = () => {}
  let fail = () => {}
  const soon = new Promise<Uint8Array>((resolve, reject) => {
    make = () => resolve(Uint8Array.of(value))
    fail = () => reject(new Error('no such algorithm'))
  })
  return { made: { soon, now: () => Uint8Array.of(value, 0) }, make, fail }
}

/** What has left, in order; what was made on the spot is longer. */
function setup() {
  const left: string[] = []
  const outbox = new Outbox()
  return {
    outbox,
    left,
    say: (what: string) => outbox.say(() => left.push(what)),
    sayMade: ({ made }: ReturnType<typeof making>) => outbox.sayWhenMade(made, (bytes) => left.push(bytes.join())),
  }
}

/** Longer than any promise of these tests takes. */
const settled = () => new Promise((resolve) => setImmediate(resolve))

describe('what is said', () => {
  test('leaves at once while nothing is being made', () => {
    const { left, say } = setup()
    say('a')
    expect(left).toEqual(['a'])
  })

  test('leaves in its order, whatever is made first', async () => {
    const { left, say, sayMade } = setup()
    const [one, two] = [making(1), making(2)]
    sayMade(one)
    say('a')
    sayMade(two)
    say('b')
    two.make()
    await settled()
    expect(left).toEqual([])
    one.make()
    await settled()
    expect(left).toEqual(['1', 'a', '2', 'b'])
  })

  test('leaves once and before it returns when there is no more time', async () => {
    const { outbox, left, say, sayMade } = setup()
    const [one, two] = [making(1), making(2)]
    sayMade(one)
    sayMade(two)
    say('a')
    two.make()
    await settled()
    outbox.flush()
    expect(left).toEqual(['1,0', '2', 'a'])
    one.make()
    await settled()
    expect(left).toHaveLength(3)
  })

  test('is made on the spot where it cannot be made otherwise', async () => {
    const { left, sayMade } = setup()
    const one = making(1)
    sayMade(one)
    one.fail()
    await settled()
    expect(left).toEqual(['1,0'])
  })

  test('does not wait without bound', () => {
    const { outbox, left, sayMade } = setup()
    for (let count = 0; count <= MAX_WAITING; count++) sayMade(making(count))
    expect(left).toHaveLength(MAX_WAITING + 1)
    expect(outbox.waits).toBe(false)
  })
})
