/** How is what was found told to people? A line for each finding; what it means, and what to set, below it. */
import type { Finding } from './finding.ts'

const STATUS_WIDTH = 9
const SUBJECT_WIDTH = 15
const MAX_LENGTH = 400 // A guess: what a server says of itself need not fill the screen.

export function linesOf({ about, status, seen, meaning, settings }: Finding): string[] {
  const indent = ' '.repeat(STATUS_WIDTH + 2)
  return [
    `${status.padEnd(STATUS_WIDTH)}  ${about.padEnd(SUBJECT_WIDTH)}  ${plain(seen)}`,
    ...(meaning === undefined ? [] : [`${indent}${meaning}`]),
    ...(settings === undefined
      ? []
      : [`${indent}Prosody: ${settings.prosody}`, `${indent}ejabberd: ${settings.ejabberd}`]),
  ]
}

/** What strangers have sent moves no cursor and turns no text around. */
function plain(text: string): string {
  const clean = text.replace(/[\p{Cc}\p{Cf}]/gu, '�')
  return clean.length > MAX_LENGTH ? `${clean.slice(0, MAX_LENGTH)}…` : clean
}
