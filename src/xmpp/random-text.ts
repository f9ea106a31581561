/** Random text that every XMPP address takes unchanged: lower-case letters and digits without look-alikes. */
import type { Random } from '../ports.ts'

const ALPHABET = 'abcdefghijkmnpqrstuvwxyz23456789' // 32 of them: 5 bits a character.

export function randomText(random: Random, length: number): string {
  return Array.from({ length }, () => ALPHABET[Math.floor(random() * ALPHABET.length)]).join('')
}
