import { expect, test } from 'vitest'
import type { Person } from './people.ts'
import { fakeAddress } from './ring-fake.ts'
import { linksAmong } from './ring-links.ts'

const [me, ann, ben, gone] = [0, 0.2, 0.4, 0.6].map(fakeAddress) as [
  Person['address'],
  Person['address'],
  Person['address'],
  Person['address'],
]
const person = (address: Person['address'], kind: Person['kind'], links: Person['links']): Person => ({
  address,
  name: 'x',
  named: true,
  kind,
  rttMs: undefined,
  incoming: false,
  links,
})

test('a link told by both of its ends is drawn once', () => {
  const people = [
    person(ann, undefined, [{ to: ben, kind: 'direct' }]),
    person(ben, undefined, [{ to: ann, kind: 'direct' }]),
  ]
  expect(linksAmong(me, people)).toEqual([{ a: ann, b: ben, kind: 'direct', own: false }])
})

test('about our own links we believe ourselves', () => {
  const people = [
    person(ann, 'relay', [{ to: me, kind: 'direct' }]),
    person(ben, undefined, [{ to: me, kind: 'direct' }]),
  ]
  expect(linksAmong(me, people)).toEqual([{ a: me, b: ann, kind: 'relay', own: true }])
})

test('links to oneself and to those who are not here are not drawn', () => {
  const people = [
    person(ann, undefined, [
      { to: ann, kind: 'direct' },
      { to: gone, kind: 'direct' },
    ]),
  ]
  expect(linksAmong(me, people)).toEqual([])
})
