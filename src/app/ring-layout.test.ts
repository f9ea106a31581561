import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fakeAddress } from './ring-fake.ts'
import { DOT_RADIUS, layOutRing, type PlacedMember, pictureHeight } from './ring-layout.ts'

const places = fc.uniqueArray(fc.double({ min: 0, max: 0.999, noNaN: true }), {
  minLength: 2,
  maxLength: 20,
  selector: fakeAddress,
})
const widths = fc.constantFrom(340, 420, 640)

test('no name crosses another, whoever stands where', () => {
  fc.assert(
    fc.property(places, widths, (from, width) => {
      const { members } = picture(from, width)
      for (const [index, one] of members.entries()) {
        for (const other of members.slice(index + 1)) expect(overlap(box(one), box(other))).toBe(false)
      }
    }),
  )
})

test('every name stands inside the picture and outside the circle', () => {
  fc.assert(
    fc.property(places, widths, (from, width) => {
      const { members, center, radius } = picture(from, width)
      for (const member of members) {
        const { left, right, top, bottom } = box(member)
        expect(left).toBeGreaterThanOrEqual(0)
        expect(right).toBeLessThanOrEqual(width)
        expect(top).toBeGreaterThanOrEqual(-0.001)
        expect(bottom).toBeLessThanOrEqual(pictureHeight(from.length, width) + 0.001)
        expect(Math.hypot(member.label.x - center.x, member.label.y - center.y)).toBeGreaterThan(radius + DOT_RADIUS)
      }
    }),
  )
})

test('dots stay in the order of their addresses and do not touch', () => {
  fc.assert(
    fc.property(places, (from) => {
      const { members } = picture(from, 420)
      for (const [index, one] of members.entries()) {
        for (const other of members.slice(index + 1)) {
          expect(Math.hypot(one.x - other.x, one.y - other.y)).toBeGreaterThan(2 * DOT_RADIUS)
        }
      }
    }),
  )
})

test('a quarter of the way round is at three o’clock', () => {
  const { members, center, radius } = picture([0.25, 0.75], 420)
  const east = members.find(({ address }) => address === fakeAddress(0.25))
  expect(east?.x).toBeCloseTo(center.x + radius)
  expect(east?.y).toBeCloseTo(center.y)
})

test('a link to somebody who is not in the picture is left out', () => {
  const [a, b, c] = [fakeAddress(0), fakeAddress(0.3), fakeAddress(0.6)]
  const people = [a, b].map((address) => ({ address, name: 'x' }))
  const links = [
    { a, b, kind: 'direct', own: true },
    { a, b: c, kind: 'relay', own: false },
  ] as const
  expect(layOutRing(people, [...links], 400, 240).links).toMatchObject([{ a, b }])
})

function picture(from: number[], width: number) {
  const members = from.map((place, index) => ({ address: fakeAddress(place), name: `Considerate Wombat ${index}` }))
  return layOutRing(members, [], width, pictureHeight(members.length, width))
}

function box({ label: { x, y, anchor, width, height } }: PlacedMember) {
  const left = anchor === 'start' ? x : x - width
  return { left, right: left + width, top: y - height / 2, bottom: y + height / 2 }
}

function overlap(a: ReturnType<typeof box>, b: ReturnType<typeof box>): boolean {
  const slack = 0.01
  return a.left < b.right - slack && b.left < a.right - slack && a.top < b.bottom - slack && b.top < a.bottom - slack
}
