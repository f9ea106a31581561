/** The command `npm run server`, as somebody would run it who wants to know of a server. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Finding, Status } from '../src/cli/finding.ts'
import type { Subject } from '../src/cli/observation.ts'

const COMMAND = fileURLToPath(new URL('../src/cli/server.ts', import.meta.url))

export type ServerReport = {
  code: number
  stdout: string
  stderr: string
  findings: Finding[]
  of(subject: Subject): Finding
  statuses: Partial<Record<Subject, Status>>
}

/** `env`: such as NODE_EXTRA_CA_CERTS, for certificates of our own. */
export function runServerCommand(words: string[], env: Record<string, string> = {}): Promise<ServerReport> {
  const argv = ['--import', 'tsx', COMMAND, ...words, '--json']
  return new Promise((resolve) => {
    execFile(process.execPath, argv, { env: { ...process.env, ...env } }, (error, stdout, stderr) => {
      const code = typeof error?.code === 'number' ? error.code : 0
      const last = stdout.trimEnd().split('\n').at(-1) ?? ''
      const findings: Finding[] = last.startsWith('{') ? JSON.parse(last).findings : []
      const of = (subject: Subject) => {
        const found = findings.find(({ about }) => about === subject)
        if (found === undefined) throw new Error(`Nothing is said of ${subject}: ${stdout}${stderr}`)
        return found
      }
      const statuses = Object.fromEntries(findings.map(({ about, status }) => [about, status]))
      resolve({ code, stdout, stderr, findings, of, statuses })
    })
  })
}
