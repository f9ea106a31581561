/** Do the transports keep their promises in a real browser? The cases run in `conformance-page`. */
import { expect } from '@playwright/test'
import { test } from './tabs.ts'

test.use({ localTabs: true })

test('every transport passes every conformance case in Chromium, and leaves no connection behind', async ({
  app,
  page,
}) => {
  await page.goto(`${app.url}e2e/conformance-page/index.html`)
  const { verdicts, live } = await page.evaluate(() => window.__conformance)
  expect(verdicts.filter(({ error }) => error !== undefined)).toEqual([])
  const transports = new Set(verdicts.map(({ transport }) => transport))
  expect(transports).toEqual(new Set(['xmpp-relay', 'local-tab', 'webrtc', 'path']))
  expect(verdicts.length).toBeGreaterThanOrEqual(20)
  expect(live).toBe(0)
})
