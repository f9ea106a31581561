/** How are the end-to-end tests run? One worker, because two cores carry ten tabs at most; with the system's Chromium. */
import { defineConfig } from '@playwright/test'
import { CHROMIUM } from './e2e/install.ts'

// biome-ignore lint/style/noDefaultExport: Playwright wants it.
export default defineConfig({
  testDir: 'e2e',
  testMatch: '**/*.spec.ts',
  outputDir: 'test-results/e2e',
  workers: 1,
  retries: 0,
  forbidOnly: true,
  timeout: 60_000, // A guess: only a test that hangs reaches it, however busy the machine is.
  reporter: process.env.CI ? [['list'], ['json', { outputFile: 'test-results/e2e.json' }]] : 'list',
  use: { launchOptions: { executablePath: CHROMIUM } },
})
