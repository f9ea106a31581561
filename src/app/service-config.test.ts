import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readServiceConfig } from './service-config.ts'

const page = { protocol: 'http:', host: 'localhost:5173' }
const own = { service: 'ws://localhost:5173/xmpp-websocket', domain: 'localhost' }

test('without a configured service the page’s own origin is it', () => {
  expect(readServiceConfig({}, page)).toEqual(own)
  expect(readServiceConfig({}, { protocol: 'https:', host: 'talk.example' })).toMatchObject({
    service: 'wss://talk.example/xmpp-websocket',
  })
})

test('a configured service is taken with its domain, or without one', () => {
  expect(readServiceConfig({ service: 'wss://a.example/ws', domain: 'b.example' }, page)).toEqual({
    service: 'wss://a.example/ws',
    domain: 'b.example',
  })
  expect(readServiceConfig({ service: 'wss://a.example/ws' }, page)).toEqual({ service: 'wss://a.example/ws' })
})

test.each(['example.org', 'localhost:5280'])('%s may be the service', (service) => {
  expect(readServiceConfig({ service }, page)).toEqual({ service })
})

test('a config that makes no sense counts as none', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const { service } = readServiceConfig(value, page)
      expect(service).toMatch(/^wss?:\/\//)
    }),
  )
  expect(readServiceConfig({ service: 'javascript:alert(1)' }, page)).toEqual(own)
})
