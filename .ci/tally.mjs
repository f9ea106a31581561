/**
 * How many tests passed? Adds up the reports of the unit tests and of the end-to-end tests and prints one line. What
 * failed without being a test (a file that cannot be loaded, a run that left no report) counts as one failure each.
 */
import { existsSync, readFileSync } from 'node:fs'

const unit = read('test-results/unit.json', ({ numPassedTests, numFailedTests, testResults }) => ({
  passed: numPassedTests,
  failed:
    numFailedTests +
    testResults.filter(
      ({ status, assertionResults }) =>
        status === 'failed' && !assertionResults.some((result) => result.status === 'failed'),
    ).length,
}))
const e2e = read('test-results/e2e.json', ({ stats, errors }) => ({
  passed: stats.expected,
  failed: stats.unexpected + stats.flaky + errors.length,
}))

console.log(`unit: ${unit.passed} passed, ${unit.failed} failed; end to end: ${e2e.passed} passed, ${e2e.failed} failed`)
console.log(`${unit.passed + e2e.passed} passed, ${unit.failed + e2e.failed} failed`)

function read(file, count) {
  if (existsSync(file)) return count(JSON.parse(readFileSync(file, 'utf8')))
  console.log(`${file} is not there: this part of \`npm test\` did not run to its end.`)
  return { passed: 0, failed: 1 }
}
