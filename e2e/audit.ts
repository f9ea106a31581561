/**
 * Is any package that we use known to be unsafe? Part of `npm test`: asks the registry by `npm audit`, and fails on
 * whatever it knows. Where it cannot be asked (no network, or a mirror that takes no such question) that is said, and the
 * tests go on, as they need nothing else from there.
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export type AuditVerdict = { name: 'clean' | 'unsafe' | 'not asked' | 'failed'; sentence: string }

type Finding = { name?: string; severity?: string; range?: string }
type Report = {
  message?: string
  statusCode?: number
  error?: { code?: string; summary?: string }
  vulnerabilities?: Record<string, Finding>
  metadata?: { vulnerabilities?: { total?: number } }
}

const TIMEOUT_MS = 60_000 // A guess: the answer is a few kilobytes.
/** What is between us and the registry, or the registry in distress; a 400 would be our own fault. */
const UNASKED = [401, 403, 404, 405, 407, 408, 429]
const FIRST_OF_DISTRESS = 500

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { name, sentence } = judgeAudit(askRegistry())
  console.log(`npm audit: ${sentence}`)
  process.exitCode = name === 'clean' || name === 'not asked' ? 0 : 1
}

/** What npm prints, whatever its exit status: it is 1 for findings and for failures. */
function askRegistry(): string {
  const words = ['audit', '--json', '--fetch-retries=1', `--fetch-timeout=${TIMEOUT_MS / 2}`]
  const { stdout, error } = spawnSync('npm', words, { encoding: 'utf8', timeout: TIMEOUT_MS })
  const isLate = (error as NodeJS.ErrnoException | undefined)?.code === 'ETIMEDOUT'
  return isLate ? JSON.stringify({ message: `no answer in ${TIMEOUT_MS / 1_000} s` }) : (stdout ?? '')
}

export function judgeAudit(output: string): AuditVerdict {
  let report: Report
  try {
    report = JSON.parse(output) as Report
  } catch {
    return { name: 'failed', sentence: `it says what is no report: ${output.slice(0, 200)}` }
  }
  const { message, statusCode, error, vulnerabilities, metadata } = report
  const total = metadata?.vulnerabilities?.total
  if (total === 0) return { name: 'clean', sentence: 'nothing is known of the packages that we use.' }
  if (total !== undefined) {
    const findings = Object.entries(vulnerabilities ?? {}).map(
      ([name, { severity, range }]) => `  ${name} ${range} (${severity})`,
    )
    return { name: 'unsafe', sentence: `${total} packages are known to be unsafe:\n${findings.join('\n')}` }
  }
  const isUnasked =
    message !== undefined &&
    error?.code === undefined &&
    (statusCode === undefined || UNASKED.includes(statusCode) || statusCode >= FIRST_OF_DISTRESS)
  if (isUnasked)
    return { name: 'not asked', sentence: `THE REGISTRY COULD NOT BE ASKED, and nothing was checked: ${message}` }
  return { name: 'failed', sentence: `it cannot judge: ${error?.summary || message || output.slice(0, 200)}` }
}
