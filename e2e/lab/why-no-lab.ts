/** Can this machine hold a lab, and if not, why? */
import { attempt, command } from './command.ts'

export const LAB_PROGRAMS = ['ip', 'nft', 'tc', 'turnserver', 'prosody', 'openssl']

/** A sentence, or undefined. */
export function whyNoLab(): string | undefined {
  if (process.platform !== 'linux') return 'The lab is made of network namespaces, which only Linux has.'
  if (process.getuid?.() !== 0) return 'The lab makes network namespaces, which only root may do: run it as root.'
  const name = `overture-${process.pid}-trial`
  try {
    command('ip', ['netns', 'add', name])
    command('ip', ['netns', 'exec', name, 'nft', 'list', 'ruleset'])
  } catch (error) {
    return `The lab makes network namespaces, which this machine refuses: ${(error as Error).message}`
  } finally {
    attempt('ip', ['netns', 'del', name])
  }
  return undefined
}
