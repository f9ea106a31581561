/** Mutation: how does a good input become one that nobody meant? By small changes, some of them of the kinds that hurt. */
import type { Random } from '../../src/ports.ts'

/** As much as one frame of a data channel may have. */
export const MAX_INPUT_BYTES = 65_536
const MAX_CHANGES = 6
const MAX_REPEATS = 2_000
const MAX_RANDOM_BYTES = 300

/** What stands at the edge of something, in bytes. */
const EDGES = [0, 1, 0x7f, 0x80, 0xc0, 0xff, 0x22, 0x25, 0x26, 0x2f, 0x3a, 0x3c, 0x3e, 0x5b, 0x7b]
/** What means something to some reader. */
const WORDS = [
  '__proto__', 'constructor', '\u0000', '\ud83d', '\ufffd', '\u202e', '%', '%00', '%FF', '%25', '&#0;', '&#x110000;', '&lol;',
  '<!DOCTYPE a [<!ENTITY e "e">]>', '<![CDATA[', ']]>', '<!--', '<?', '<a>', '</a>', '<a b="">', 'xmlns=""', "'", '"', '\r\n',
  '-1', '0', '1e999', '9007199254740993', 'NaN', 'null', '[]', '{}', '[[', 'a=', 'javascript:', 'http://', '@', '/', ':', '#n=',
].map((word) => new TextEncoder().encode(word)) // biome-ignore format: a list of words.

type Change = (bytes: Uint8Array, random: Random, other: Uint8Array) => Uint8Array

const CHANGES: Change[] = [
  function flipBit(bytes, random) {
    const at = below(bytes.length, random)
    return withByte(bytes, at, (bytes[at] ?? 0) ^ (1 << below(8, random)))
  },
  function setByte(bytes, random) {
    return withByte(bytes, below(bytes.length, random), EDGES[below(EDGES.length, random)] ?? 0)
  },
  function drawByte(bytes, random) {
    return withByte(bytes, below(bytes.length, random), below(256, random))
  },
  function cutEnd(bytes, random) {
    return bytes.slice(0, below(bytes.length + 1, random))
  },
  function cutOut(bytes, random) {
    const [from, to] = stretch(bytes, random)
    return joined(bytes.subarray(0, from), bytes.subarray(to))
  },
  function insertWord(bytes, random) {
    return inserted(bytes, WORDS[below(WORDS.length, random)] as Uint8Array, random)
  },
  function insertBytes(bytes, random) {
    return inserted(bytes, randomBytes(1 + below(8, random), random), random)
  },
  function insertOther(bytes, random, other) {
    return inserted(bytes, other.slice(...stretch(other, random)), random)
  },
  function repeat(bytes, random) {
    const [from, to] = stretch(bytes, random)
    const times = random() < 0.1 ? MAX_REPEATS : 1 + below(20, random)
    const fitting = Math.max(0, Math.min(times, Math.floor((MAX_INPUT_BYTES - bytes.length) / Math.max(1, to - from))))
    const copies = Array.from({ length: fitting }, () => bytes.subarray(from, to))
    return joined(bytes.subarray(0, to), ...copies, bytes.subarray(to))
  },
  function move(bytes, random) {
    const [from, to] = stretch(bytes, random)
    const rest = joined(bytes.subarray(0, from), bytes.subarray(to))
    return inserted(rest, bytes.slice(from, to), random)
  },
]

/** `other` is a second good input, of which parts may turn up. */
export function mutated(bytes: Uint8Array, random: Random, other: Uint8Array): Uint8Array {
  if (random() < 0.02) return randomBytes(below(MAX_RANDOM_BYTES, random), random)
  let changed = bytes
  const count = below(MAX_CHANGES + 1, random)
  for (let index = 0; index < count; index++) {
    changed = (CHANGES[below(CHANGES.length, random)] as Change)(changed, random, other)
  }
  return changed.slice(0, MAX_INPUT_BYTES)
}

export function below(limit: number, random: Random): number {
  return Math.floor(random() * limit)
}

function withByte(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const copy = bytes.slice()
  if (at < copy.length) copy[at] = value
  return copy
}

/** A few bytes more often than many. */
function stretch(bytes: Uint8Array, random: Random): [from: number, to: number] {
  const from = below(bytes.length, random)
  return [from, from + below((bytes.length - from) * random() + 1, random)]
}

function inserted(bytes: Uint8Array, what: Uint8Array, random: Random): Uint8Array {
  const at = below(bytes.length + 1, random)
  return joined(bytes.subarray(0, at), what, bytes.subarray(at))
}

function randomBytes(length: number, random: Random): Uint8Array {
  return Uint8Array.from({ length }, () => below(256, random))
}

export function joined(...parts: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
