import { expect } from '@playwright/test'
import { expectAllListed, expectOneRing, expectLinks, openTabs, test } from './tabs.ts'
test('ten', async ({ app, context }) => {
  await context.addInitScript(() => {
    ;(window as any).__long = []
    new PerformanceObserver((l) => { for (const e of l.getEntries()) (window as any).__long.push([Math.round(e.startTime), Math.round(e.duration)]) }).observe({ type: 'longtask', buffered: true })
  })
  const t0 = Date.now(); const lap = (what: string) => console.log(what, Date.now() - t0)
  const tabs = await openTabs(context, app.url, 'Ten', 10)
  lap('opened')
  await expectOneRing(tabs); lap('ring')
  await expectAllListed(tabs); lap('listed')
  for (const [index, tab] of tabs.entries()) {
    const t1 = Date.now()
    await tab.page.getByTestId('to-all').isVisible()
    const t2 = Date.now()
    await tab.page.getByTestId('talk-input').locator('input').fill('x' + index)
    const t3 = Date.now()
    await tab.page.getByTestId('talk-send').click()
    const t4 = Date.now()
    console.log('said', t2 - t1, t3-t2, t4-t3)}
  for (const tab of tabs) {console.log(JSON.stringify(await tab.page.evaluate(() => [performance.now(), (window as any).__long])))}
  const s = await tabs[5]!.snapshot(); for (const e of s.trace) console.log(e.atMs, e.what.slice(0,150))
})
