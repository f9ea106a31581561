/** Does `npm start` alone suffice? It must print one URL, at which tabs meet with no other server. */
import { spawn } from 'node:child_process'
import { expect } from '@playwright/test'
import { findFreePort } from './free-port.ts'
import { gatherViolations } from './policy-violations.ts'
import { expectAllListed, expectLinks, Tab, test } from './tabs.ts'

test('npm start prints one URL, and tabs that open it meet', async ({ context }) => {
  const violations = await gatherViolations(context)
  const started = await npmStart()
  try {
    const first = await Tab.nameSpace(await context.newPage(), started.url, 'Started')
    const second = await Tab.follow(await context.newPage(), await first.link())
    await expectLinks([first, second], 'direct')
    await expectAllListed([first, second])
    expect(started.urls()).toEqual([started.url])
    expect(violations).toEqual([])
  } finally {
    await started.stop()
  }
})

async function npmStart() {
  const port = await findFreePort()
  // A group of its own, because npm does not hand a signal on to what it has started.
  const child = spawn('npm', ['start'], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, PORT: String(port), XMPP_SERVICE: '', NODE_ENV: 'development' },
  })
  let printed = ''
  child.stdout.on('data', (data) => {
    printed += data
  })
  const urls = () => printed.match(/http:\S+/g) ?? []
  const stop = async () => {
    const gone = new Promise((resolve) => child.once('close', resolve))
    process.kill(-(child.pid as number), 'SIGTERM')
    await gone
  }
  try {
    await expect.poll(urls, { timeout: 30_000, message: 'what npm start prints' }).toHaveLength(1)
  } catch (failure) {
    await stop()
    throw failure
  }
  return { url: `http://localhost:${port}/`, urls, stop }
}
