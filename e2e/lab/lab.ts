/**
 * How long do real browsers behind real NATs take to find each other? `npm run lab -- [options]`: the experiment of the
 * paper's Table II, in network namespaces of this machine. Ends with 1 when a pair could not talk, the peers are
 * not one ring or the machine has no lab, with 2 when it is asked for what there is not.
 */
import { runCrowd } from './crowd.ts'
import { CROWD_USAGE, parseCrowd } from './crowd-options.ts'
import { crowdFigures, crowdTable } from './crowd-report.ts'
import { NoDistance } from './lab-distance.ts'
import { measureLab } from './lab-measurement.ts'
import { LAB_USAGE, LabOptionError, parseLab } from './lab-options.ts'
import { labFigures, labTable } from './lab-report.ts'
import { whyNoLab } from './why-no-lab.ts'

const words = process.argv.slice(2)
if (words.includes('--help') || words.includes('-h')) console.log(`${LAB_USAGE}\n\n${CROWD_USAGE}`)
else process.exitCode = await main()

async function main(): Promise<number> {
  try {
    const [first, ...rest] = words
    if (first === 'crowd') return await crowd(rest)
    const options = parseLab(words, Math.floor(Math.random() * 2 ** 32))
    const why = whyNoLab()
    if (why !== undefined) {
      console.error(why)
      return 1
    }
    const figures = labFigures(options, await measureLab(options, console.error))
    console.log(labTable(figures))
    if (options.json) console.log(JSON.stringify(figures))
    return figures.silent > 0 || figures.broken > 0 ? 1 : 0
  } catch (error) {
    if (error instanceof NoDistance) {
      console.error(error.message)
      return 1
    }
    if (!(error instanceof LabOptionError)) throw error
    console.error(`${error.message}\n\n${words[0] === 'crowd' ? CROWD_USAGE : LAB_USAGE}`)
    return 2
  }
}

async function crowd(rest: readonly string[]): Promise<number> {
  const options = parseCrowd(rest, Math.floor(Math.random() * 2 ** 32))
  const figures = crowdFigures(options, await runCrowd(options, console.error))
  console.log(crowdTable(figures))
  if (options.json) console.log(JSON.stringify(figures))
  return figures.oneRingMs === null || figures.cut > 0 || figures.failed > 0 ? 1 : 0
}
