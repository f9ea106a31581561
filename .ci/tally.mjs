/**
 * How many tests passed? Adds up the reports of the tests in Node and of those in a browser; the last line is the sum.
 * What failed without being a test (a file that cannot be loaded, a run without a report) counts as one failure each.
 */
import { existsSync, readFileSync } from 'node:fs'

const node = read('test-results/node.json', ({ numPassedTests, numPendingTests, numFailedTests, testResults }) => ({
  passed: numPassedTests,
  skipped: numPendingTests,
  failed:
    numFailedTests +
    testResults.filter(
      ({ status, assertionResults }) =>
        status === 'failed' && !assertionResults.some((result) => result.status === 'failed'),
    ).length,
}))
const browser = read('test-results/browser.json', ({ stats, errors }) => ({
  passed: stats.expected,
  skipped: stats.skipped,
  failed: stats.unexpected + stats.flaky + errors.length,
}))

console.log(`in Node: ${shown(node)}; in a browser: ${shown(browser)}`)
console.log(`${node.passed + browser.passed} passed, ${node.failed + browser.failed} failed`)

function shown({ passed, skipped, failed }) {
  return `${passed} passed, ${skipped} skipped, ${failed} failed`
}

function read(file, count) {
  if (existsSync(file)) return count(JSON.parse(readFileSync(file, 'utf8')))
  console.log(`${file} is not there: this part of \`npm test\` did not run to its end.`)
  return { passed: 0, skipped: 0, failed: 1 }
}
