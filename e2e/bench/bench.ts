/**
 * How fast is it, beside what it is made of? `npm run bench -- join|link|paths|relay [options] --json`. Both sides of
 * each comparison run in the same browser or process, in turn, so that what the machine is doing besides falls on both.
 */
import { parseArgs } from 'node:util'
import { benchJoin } from './join-bench.ts'
import { benchLink } from './link-bench.ts'
import { benchPaths } from './paths-bench.ts'
import { benchRelay } from './relay-bench.ts'

const USAGE = `npm run bench -- join [--peers 5] [--repeats 10] [--json]
npm run bench -- link [--repeats 9] [--json]
npm run bench -- paths [--repeats 9] [--json]
npm run bench -- relay [--repeats 9] [--json]`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    peers: { type: 'string', default: '5' },
    repeats: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
})

const [name] = positionals
const peers = Number(values.peers)
if (name === 'join' && Number.isInteger(peers) && peers >= 2) {
  print(await benchJoin({ peers, repeats: Number(values.repeats ?? 10), log: console.error }))
} else if (name === 'link') {
  print(await benchLink({ repeats: Number(values.repeats ?? 9), log: console.error }))
} else if (name === 'paths') {
  print(await benchPaths({ repeats: Number(values.repeats ?? 9), log: console.error }))
} else if (name === 'relay') {
  print(await benchRelay({ repeats: Number(values.repeats ?? 9), log: console.error }))
} else {
  console.error(USAGE)
  process.exitCode = 2
}

function print(result: Record<string, unknown>): void {
  if (values.json) console.log(JSON.stringify(result))
  else console.table(result)
}
