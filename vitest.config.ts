/**
 * How are the tests run that need no browser? In Node: those of src beside what they test, those of e2e with real
 * servers. The page's own configuration has no part in it.
 */
import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    environment: 'node',
    // By itself vitest would leave one of two processors idle.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    include: ['{src,e2e}/**/*.test.ts'],
    // Guesses: only a test that hangs reaches them, however busy the machine is.
    testTimeout: 30_000,
    hookTimeout: 30_000,
    reporters: process.env.CI ? ['default', ['json', { outputFile: 'test-results/node.json' }]] : ['default'],
  },
})
