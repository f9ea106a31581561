/** A program of the system, run to its end: what it prints, or an error with what it complains of. */
import { spawnSync } from 'node:child_process'

/** Throws with the program's own words when it fails or is not there. */
export function command(program: string, args: readonly string[], input = ''): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { input, encoding: 'utf8' })
  if (error) throw error
  if (status !== 0) throw new Error(`${[program, ...args].join(' ')}: ${stderr.trim() || `ended with ${status}`}`)
  return stdout
}

/** For cleaning up, where what is gone already is no trouble. */
export function attempt(program: string, args: readonly string[]): string {
  return spawnSync(program, args, { encoding: 'utf8' }).stdout ?? ''
}
