/** What has been asked of the crowd? Turns the words behind `npm run lab -- crowd` into options. */
import { parseArgs } from 'node:util'
import { LabOptionError, whole } from './lab-options.ts'

export type CrowdOptions = {
  instances: number
  /** From the first join to the last, in seconds. */
  overS: number
  greeters: boolean
  seed: number
  json: boolean
}

export const CROWD_USAGE = `npm run lab -- crowd [options]  so many instances of one account on a real Prosody become one ring

  --instances N         how many; 600 by default
  --over SECONDS        they join over so long; 60 by default
  --no-greeters         all of them show their presence for good, to compare
  --seed N              decides when each joins
  --json                the figures as one JSON object on the last line`

/** `seed` is the one to take when none is given. Throws a LabOptionError. */
export function parseCrowd(args: readonly string[], seed: number): CrowdOptions {
  const values = readWords(args)
  return {
    instances: whole('instances', values.instances, 2, 2_000),
    overS: whole('over', values.over, 0, 3_600),
    greeters: !values['no-greeters'],
    seed: values.seed === undefined ? seed : whole('seed', values.seed, 0, 2 ** 32 - 1),
    json: values.json,
  }
}

function readWords(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        instances: { type: 'string', default: '600' },
        over: { type: 'string', default: '60' },
        'no-greeters': { type: 'boolean', default: false },
        seed: { type: 'string' },
        json: { type: 'boolean', default: false },
      },
    }).values
  } catch (error) {
    throw new LabOptionError((error as Error).message)
  }
}
