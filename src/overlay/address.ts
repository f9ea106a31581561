/**
 * Address: a node's place on the ring, 160 bits, written as 40 lower-case hexadecimal digits.
 *
 * Fixed width makes text order the ring's order, so sorting and bracketing need no arithmetic; distances are written the
 * same way and compare with `<`. Left is clockwise: addresses increase. A node's address is even (class 0): the class
 * of an address is the number of consecutive one bits from the least significant end (Brunet's convention).
 */
export type Address = string & { readonly __address: true }

/** A length of arc, 0 to 2^160 − 1, written like an address. */
export type Distance = string & { readonly __distance: true }

export const ADDRESS_BYTES = 20
const DIGITS = 40
/** Forty bits: the largest group of whole hex digits whose sums stay exact in a double with room to spare. */
const GROUP_DIGITS = 10
const GROUP_SIZE = 2 ** 40

const HEX_CODES = Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0))

/** Returns undefined for anything but 40 lower-case hex digits that end in a zero bit. */
export function parseAddress(text: string): Address | undefined {
  return /^[0-9a-f]{39}[02468ace]$/.test(text) ? (text as Address) : undefined
}

/**
 * The same few addresses are read again and again, each frame having some: they are written out once, and one that is
 * compared with itself is then the same string. Places for them in powers of two: few for a page, more where newcomers
 * keep driving others out, as in a simulation of a whole ring.
 */
const RECENT_MIN = 1_024
const RECENT_MAX = 262_144
let recentBytes = new Uint8Array(RECENT_MIN * ADDRESS_BYTES)
let recent: (Address | undefined)[] = Array(RECENT_MIN).fill(undefined)
let drivenOut = 0

/** Reads 20 bytes as they stand, of whatever class. */
export function addressFromBytes(bytes: Uint8Array, offset = 0): Address {
  const lead = ((bytes[offset] as number) << 16) | ((bytes[offset + 1] as number) << 8) | (bytes[offset + 2] as number)
  const slot = lead & (recent.length - 1)
  const start = slot * ADDRESS_BYTES
  const known = recent[slot]
  if (known !== undefined) {
    let index = 0
    while (index < ADDRESS_BYTES && recentBytes[start + index] === bytes[offset + index]) index++
    if (index === ADDRESS_BYTES) return known
    if (++drivenOut > recent.length && recent.length < RECENT_MAX) {
      makeRoomForRecent()
      return addressFromBytes(bytes, offset)
    }
  }
  for (let index = 0; index < ADDRESS_BYTES; index++) {
    const byte = bytes[offset + index] as number
    recentBytes[start + index] = byte
    codes[2 * index] = HEX_CODES[byte >> 4] as number
    codes[2 * index + 1] = HEX_CODES[byte & 15] as number
  }
  // In one piece: what is put together of parts stays in parts, and takes twice the room.
  const address = String.fromCharCode(...codes) as Address
  recent[slot] = address
  return address
}

const codes: number[] = Array(DIGITS).fill(0)

/** What was known is read again soon enough. */
function makeRoomForRecent(): void {
  const places = 4 * recent.length
  recentBytes = new Uint8Array(places * ADDRESS_BYTES)
  recent = Array(places).fill(undefined)
  drivenOut = 0
}

export function writeAddress(address: Address, into: Uint8Array, offset: number): void {
  for (let index = 0; index < ADDRESS_BYTES; index++) {
    into[offset + index] = (digit(address.charCodeAt(2 * index)) << 4) | digit(address.charCodeAt(2 * index + 1))
  }
}

/** Whom a directional packet goes to: each hop's own neighbour on one side. Class 124, the side in the first four bytes. */
const DIRECTIONAL = {
  left: `00000001${'0'.padEnd(32, 'f')}` as Address,
  right: `00000002${'0'.padEnd(32, 'f')}` as Address,
} as const

export function directionalAddress(side: 'left' | 'right'): Address {
  return DIRECTIONAL[side]
}

/** Undefined for an address that is not directional. */
export function directionOf(address: Address): 'left' | 'right' | undefined {
  if (address === DIRECTIONAL.left) return 'left'
  return address === DIRECTIONAL.right ? 'right' : undefined
}

/** Whether a node may have this address; the same as class zero. */
export function isNodeAddress(address: Address): boolean {
  return (digit(address.charCodeAt(DIGITS - 1)) & 1) === 0
}

/** A node address from 20 random bytes, or from a hash. */
export function nodeAddress(bytes: Uint8Array): Address {
  return withClassZero(addressFromBytes(bytes))
}

export function classOf(address: Address): number {
  let ones = 0
  for (let index = DIGITS - 1; index >= 0; index--) {
    let bits = digit(address.charCodeAt(index))
    if (bits === 15) {
      ones += 4
      continue
    }
    for (; bits & 1; bits >>= 1) ones++
    return ones
  }
  return ones
}

export function withClassZero(address: Address): Address {
  const last = digit(address.charCodeAt(DIGITS - 1)) & 14
  return (address.slice(0, -1) + last.toString(16)) as Address
}

/** How far to walk left (upwards) from `from` until `to`. */
export function leftDistance(from: Address, to: Address): Distance {
  let text = ''
  let borrow = 0
  for (let end = DIGITS; end > 0; end -= GROUP_DIGITS) {
    let group = groupOf(to, end) - groupOf(from, end) - borrow
    borrow = group < 0 ? 1 : 0
    if (borrow) group += GROUP_SIZE
    text = group.toString(16).padStart(GROUP_DIGITS, '0') + text
  }
  return text as Distance
}

/** How far to walk right (downwards) from `from` until `to`. */
export function rightDistance(from: Address, to: Address): Distance {
  return leftDistance(to, from)
}

/** The shorter way round. */
export function distance(a: Address, b: Address): Distance {
  const left = leftDistance(a, b)
  const right = leftDistance(b, a)
  if (left < right) return left
  return right
}

/** `address` moved left by an arc. */
export function moveLeft(address: Address, by: Distance): Address {
  let text = ''
  let carry = 0
  for (let end = DIGITS; end > 0; end -= GROUP_DIGITS) {
    let group = groupOf(address, end) + groupOf(by, end) + carry
    carry = group >= GROUP_SIZE ? 1 : 0
    if (carry) group -= GROUP_SIZE
    text = group.toString(16).padStart(GROUP_DIGITS, '0') + text
  }
  return text as Address
}

/** `address` moved right by an arc. */
export function moveRight(address: Address, by: Distance): Address {
  return leftDistance(by as string as Address, address) as string as Address
}

export function sameAddresses(a: readonly Address[], b: readonly Address[]): boolean {
  return a.length === b.length && a.every((address, index) => address === b[index])
}

/** Whether a walk left from `from` meets `address` before `to`; the ends do not count, and between equal ends is nothing. */
export function isBetween(address: Address, from: Address, to: Address): boolean {
  if (from < to) return from < address && address < to
  if (from > to) return address > from || address < to
  return false
}

/** The one of `a` and `b` that is nearer to `key`. Every tie in the ring goes to the lower address. */
export function nearer(key: Address, a: Address, b: Address): Address {
  const place = fractionOf(key)
  const difference = apart(place, fractionOf(a)) - apart(place, fractionOf(b))
  if (Math.abs(difference) > DOUBTFUL) return difference < 0 ? a : b
  const toA = distance(key, a)
  const toB = distance(key, b)
  if (toA !== toB) return toA < toB ? a : b
  return a < b ? a : b
}

/** Differences of distances that four fractions, each cut off after 52 bits, can be wrong about. */
const DOUBTFUL = 2 ** -48

/** The shorter way between two places on a circle of circumference 1. */
export function apart(a: number, b: number): number {
  const way = Math.abs(a - b)
  return way < 0.5 ? way : 1 - way
}

/** The place on a circle of circumference 1, to the precision of a double. */
export function fractionOf(address: Address | Distance): number {
  return (numberOf(address, 0, 6) * 2 ** 28 + numberOf(address, 6, 13)) / 2 ** 52
}

/** The arc that is such a part of the ring, of which a double carries the first 52 bits. */
export function arcOf(fraction: number): Distance {
  const leading = Math.min(2 ** 52 - 1, Math.max(0, Math.floor(fraction * 2 ** 52)))
  return leading.toString(16).padStart(13, '0').padEnd(DIGITS, '0') as Distance
}

function groupOf(text: string, end: number): number {
  return numberOf(text, end - GROUP_DIGITS, end - 5) * 2 ** 20 + numberOf(text, end - 5, end)
}

/** Of up to seven digits. */
function numberOf(text: string, from: number, to: number): number {
  let value = 0
  for (let index = from; index < to; index++) value = (value << 4) | digit(text.charCodeAt(index))
  return value
}

function digit(code: number): number {
  return code < 58 ? code - 48 : code - 87
}
