/** Does the audit fail on what it must fail on, and on nothing else? With what npm 11 prints, shortened. */
import { expect, test } from 'vitest'
import { judgeAudit } from './audit.ts'

const URL = 'https://registry.npmjs.org/-/npm/v1/security/advisories/bulk'

test.each([
  ['clean', { vulnerabilities: {}, metadata: { vulnerabilities: { high: 0, total: 0 } } }],
  [
    'unsafe',
    {
      vulnerabilities: { leftpad: { name: 'leftpad', severity: 'low', range: '<1.3.1' } },
      metadata: { vulnerabilities: { low: 1, total: 1 } },
    },
  ],
  [
    'not asked',
    { message: `request to ${URL} failed, reason: connect ECONNREFUSED 127.0.0.1:9`, error: { summary: '' } },
  ],
  ['not asked', { message: `405 Method Not Allowed - POST ${URL}`, statusCode: 405, error: { summary: '' } }],
  ['not asked', { message: `503 Service Unavailable - POST ${URL}`, statusCode: 503, error: { summary: '' } }],
  ['failed', { message: `400 Bad Request - POST ${URL}`, statusCode: 400, error: { summary: '' } }],
  ['failed', { error: { code: 'ENOLOCK', summary: 'This command requires an existing lockfile.' } }],
  ['failed', {}],
] as const)('“%s” is what is said of %j', (name, report) => {
  expect(judgeAudit(JSON.stringify(report)).name).toBe(name)
})

test('what is no report fails', () => {
  expect(judgeAudit('').name).toBe('failed')
})

test('findings are named', () => {
  const report = {
    vulnerabilities: { leftpad: { severity: 'low', range: '<1.3.1' } },
    metadata: { vulnerabilities: { total: 1 } },
  }
  expect(judgeAudit(JSON.stringify(report)).sentence).toContain('leftpad <1.3.1 (low)')
})
