/**
 * How are the tests run that need a browser? With the system's Chromium, and one at a time, because two cores carry ten
 * tabs at most.
 */
import { defineConfig } from '@playwright/test'
import { CHROMIUM } from './e2e/install.ts'

export default defineConfig({
  testDir: 'e2e',
  testMatch: '**/*.spec.ts',
  outputDir: 'test-results/browser',
  workers: 1,
  retries: 0,
  forbidOnly: true,
  timeout: 60_000, // A guess: only a test that hangs reaches it, however busy the machine is.
  reporter: process.env.CI ? [['list'], ['json', { outputFile: 'test-results/browser.json' }]] : 'list',
  use: { launchOptions: { executablePath: CHROMIUM } },
})
