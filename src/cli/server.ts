/**
 * Can Overture's pages meet on this server? `npm run server -- DOMAIN or wss://… [options]`: signs in as a page would,
 * says line by line what is there and what is missing, and ends with 1 when pages could not meet and talk.
 */
import { type Finding, judge } from './finding.ts'
import type { Observation } from './observation.ts'
import { PageWorld } from './page-world.ts'
import { checkServer } from './server-check.ts'
import { parseServer, ServerOptionError, type ServerRequest, serverUsage } from './server-options.ts'
import { linesOf } from './server-report.ts'
import { verdictOf } from './verdict.ts'

const words = process.argv.slice(2)
if (words.includes('--help') || words.includes('-h')) {
  console.log(serverUsage())
} else {
  try {
    const code = await run(parseServer(words, process.env.XMPP_PASSWORD))
    // What the libraries still wait for of streams that have failed, for up to 30 s, is of no interest any more.
    process.stdout.write('', () => process.exit(code))
  } catch (error) {
    if (!(error instanceof ServerOptionError)) throw error
    console.error(`${error.message}\n\n${serverUsage()}`)
    process.exitCode = 2
  }
}

async function run(request: ServerRequest): Promise<number> {
  const world = new PageWorld()
  world.install()
  const findings: Finding[] = []
  const observations: Observation[] = []
  await checkServer(request, world, (observation) => {
    const finding = judge(observation)
    observations.push(observation)
    findings.push(finding)
    for (const line of linesOf(finding)) console.log(line)
  })
  const { ok, sentence } = verdictOf(findings, request.jid !== undefined)
  console.log(`\n${sentence}`)
  const { service, domain, sessions, json } = request
  if (json) console.log(JSON.stringify({ service, domain, sessions, ok, sentence, findings, observations }))
  return ok ? 0 : 1
}
