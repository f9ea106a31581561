/** Can pages meet and talk on this server? Out of all that was found. Pure. */
import type { Finding } from './finding.ts'
import type { Subject } from './observation.ts'

export type Verdict = { ok: boolean; sentence: string }

/** Without any of these nothing works. */
const NEEDED: Subject[] = ['address', 'websocket', 'ways in', 'sessions', 'relay']

/** `withAccount`: all who are to meet have the account that was given. */
export function verdictOf(findings: readonly Finding[], withAccount: boolean): Verdict {
  const statusOf = (subject: Subject) => findings.find(({ about }) => about === subject)?.status ?? 'not tried'
  const isThere = (subject: Subject) => ['ok', 'limited'].includes(statusOf(subject))
  const lacking = NEEDED.filter((subject) => statusOf(subject) === 'missing')
  const meetByAccount = withAccount && isThere('presence')
  if (lacking.length === 0 && !isThere('rooms') && !meetByAccount) lacking.push('rooms')
  if (lacking.length > 0) return { ok: false, sentence: `Pages cannot meet here. They need: ${lacking.join(', ')}.` }
  const lesser = findings.filter(
    ({ about, status }) => about !== 'left behind' && !['ok', 'not tried'].includes(status),
  )
  const better = lesser.map(({ about }) => about).join(', ')
  const whoever = isThere('rooms') ? 'Pages' : 'Pages of one account'
  const sentence = `${whoever} can meet and talk here.`
  return { ok: true, sentence: better === '' ? sentence : `${sentence} Could be better: ${better}.` }
}
