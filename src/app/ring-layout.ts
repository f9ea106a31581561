/**
 * Where does everything go in the picture of a ring? Pure geometry, in the picture's own pixels.
 *
 * A dot stands at its address, clockwise from the top, nudged only where dots would touch. Names stand outside the
 * circle in two columns that hug it, spread so that no two lines of text overlap; a thin leader ties a name that had to
 * move to its dot. Links are chords that bend towards the centre.
 */
import { type Address, fractionOf } from '../overlay/address.ts'
import type { ChannelKind } from '../ports.ts'

export const DOT_RADIUS = 6
export const FONT_SIZE = 13
const LINE_HEIGHT = 18
const LABEL_GAP = 15
const DOT_GAP = 4
const MARGIN = 6
/** The least width that a name gets beside the circle. */
const LABEL_WIDTH = 96
const MIN_RADIUS = 40
const MAX_RADIUS = 130
/** Measured on the widest common system fonts: an average letter in em. */
const LETTER_EM = 0.57
const WIDE_LETTER_EM = 1.05
const PASSES = 60

export type RingMember = { address: Address; name: string }
export type RingLink = { a: Address; b: Address; kind: ChannelKind; own: boolean }

export type PlacedLabel = {
  text: string
  x: number
  y: number
  anchor: 'start' | 'end'
  width: number
  height: number
  leader: string | undefined
}
export type PlacedMember = { address: Address; name: string; x: number; y: number; label: PlacedLabel }
export type PlacedLink = RingLink & { path: string }
export type RingPicture = {
  center: { x: number; y: number }
  radius: number
  fontSize: number
  members: PlacedMember[]
  links: PlacedLink[]
}

/** A good height for so many people: room for the circle, and for two thirds of the names on one side of it. */
export function pictureHeight(count: number, width: number): number {
  return Math.max(2 * (radiusFor(width) + 2 * LINE_HEIGHT), Math.ceil(count * 0.67) * LINE_HEIGHT + 2 * MARGIN)
}

export function layOutRing(members: RingMember[], links: RingLink[], width: number, height: number): RingPicture {
  const center = { x: width / 2, y: height / 2 }
  const radius = Math.max(MIN_RADIUS, Math.min(height / 2 - 2 * LINE_HEIGHT, radiusFor(width)))
  const angles = spreadAngles(members, (2 * DOT_RADIUS + DOT_GAP) / radius)
  const dots = members.map((member) => {
    const angle = angles.get(member.address) ?? 0
    return { ...member, x: center.x + radius * Math.sin(angle), y: center.y - radius * Math.cos(angle) }
  })
  const [right, left] = [dots.filter(({ x }) => x >= center.x), dots.filter(({ x }) => x < center.x)]
  const crowd = Math.max(right.length, left.length, 1)
  const lineHeight = Math.min(LINE_HEIGHT, (height - 2 * MARGIN) / crowd)
  const fontSize = Math.min(FONT_SIZE, lineHeight * 0.8)
  const frame = { center, radius, width, height, lineHeight, fontSize }
  const placed = [...placeLabels(right, 1, frame), ...placeLabels(left, -1, frame)]
  const byAddress = new Map(placed.map((member) => [member.address, member]))
  return {
    center,
    radius,
    fontSize,
    members: placed,
    links: links.flatMap((link) => {
      const [a, b] = [byAddress.get(link.a), byAddress.get(link.b)]
      return a === undefined || b === undefined ? [] : [{ ...link, path: chord(a, b, center) }]
    }),
  }
}

function radiusFor(width: number): number {
  return Math.max(MIN_RADIUS, Math.min(MAX_RADIUS, width / 2 - LABEL_WIDTH - LABEL_GAP))
}

type Dot = RingMember & { x: number; y: number }
type Frame = {
  center: { x: number; y: number }
  radius: number
  width: number
  height: number
  lineHeight: number
  fontSize: number
}

/** Pushes dots that touch apart, both by the same amount, keeping their order. */
function spreadAngles(members: RingMember[], wanted: number): Map<Address, number> {
  const sorted = [...members].sort((a, b) => (a.address < b.address ? -1 : 1))
  const angles = sorted.map(({ address }) => fractionOf(address) * 2 * Math.PI)
  const gap = Math.min(wanted, (2 * Math.PI * 0.95) / Math.max(1, sorted.length))
  for (let pass = 0; pass < PASSES && angles.length > 1; pass++) {
    for (let index = 0; index < angles.length; index++) {
      const next = (index + 1) % angles.length
      const turn = next === 0 ? 2 * Math.PI : 0
      const lack = gap - ((angles[next] as number) + turn - (angles[index] as number))
      if (lack <= 0) continue
      angles[index] = (angles[index] as number) - lack / 2
      angles[next] = (angles[next] as number) + lack / 2
    }
  }
  return new Map(sorted.map(({ address }, index) => [address, angles[index] as number]))
}

function placeLabels(dots: Dot[], side: 1 | -1, frame: Frame): PlacedMember[] {
  const { center, radius, width, height, lineHeight, fontSize } = frame
  const sorted = [...dots].sort((a, b) => a.y - b.y)
  // Outward from the dot, so that the topmost and lowest names stand above and below the circle.
  const ys = spreadLines(
    sorted.map(({ y }) => center.y + ((y - center.y) * (radius + LABEL_GAP)) / radius),
    lineHeight,
    MARGIN + lineHeight / 2,
    height - MARGIN - lineHeight / 2,
  )
  return sorted.map((dot, index) => {
    const y = ys[index] as number
    const reach = radius + LABEL_GAP
    const away = Math.abs(y - center.y)
    const x =
      center.x + side * (away < reach ? Math.max(LABEL_GAP / 2, Math.sqrt(reach ** 2 - away ** 2)) : LABEL_GAP / 2)
    const room = side === 1 ? width - MARGIN - x : x - MARGIN
    const text = shorten(dot.name, room / fontSize)
    const distance = Math.hypot(x - dot.x, y - dot.y)
    return {
      ...dot,
      label: {
        text,
        x,
        y,
        anchor: side === 1 ? 'start' : 'end',
        width: widthInEm(text) * fontSize,
        height: lineHeight,
        leader: distance > LABEL_GAP * 1.6 ? leader(dot, { x: x - side * 3, y }, frame) : undefined,
      },
    }
  })
}

/** Moves lines apart to `spacing`, keeping their order and as near as can be to where they would like to be. */
function spreadLines(wanted: number[], spacing: number, top: number, bottom: number): number[] {
  const ys = [...wanted]
  for (let pass = 0; pass < PASSES; pass++) {
    for (let index = 1; index < ys.length; index++) {
      const lack = spacing - ((ys[index] as number) - (ys[index - 1] as number))
      if (lack <= 0) continue
      ys[index - 1] = (ys[index - 1] as number) - lack / 2
      ys[index] = (ys[index] as number) + lack / 2
    }
  }
  let floor = top
  for (let index = 0; index < ys.length; index++) {
    ys[index] = Math.max(ys[index] as number, floor)
    floor = (ys[index] as number) + spacing
  }
  let ceiling = bottom
  for (let index = ys.length - 1; index >= 0; index--) {
    ys[index] = Math.min(ys[index] as number, ceiling)
    ceiling = (ys[index] as number) - spacing
  }
  return ys
}

/** Leaves the circle first, then goes to the name, so that it crosses no dot. */
function leader(dot: Dot, end: { x: number; y: number }, { center, radius }: Frame): string {
  const scale = (radius + LABEL_GAP * 0.65) / radius
  const knee = { x: center.x + (dot.x - center.x) * scale, y: center.y + (dot.y - center.y) * scale }
  return `M${round(dot.x)} ${round(dot.y)}L${round(knee.x)} ${round(knee.y)}L${round(end.x)} ${round(end.y)}`
}

function chord(a: Dot, b: Dot, center: { x: number; y: number }): string {
  const bend = (from: number, to: number, middle: number) => round(middle + ((from + to) / 2 - middle) * 0.6)
  const [x, y] = [bend(a.x, b.x, center.x), bend(a.y, b.y, center.y)]
  return `M${round(a.x)} ${round(a.y)}Q${x} ${y} ${round(b.x)} ${round(b.y)}`
}

function shorten(name: string, roomInEm: number): string {
  if (widthInEm(name) <= roomInEm) return name
  const letters = [...name]
  while (letters.length > 1 && widthInEm(`${letters.join('')}…`) > roomInEm) letters.pop()
  return `${letters.join('').trimEnd()}…`
}

function widthInEm(text: string): number {
  let width = 0
  for (const letter of text) width += (letter.codePointAt(0) as number) >= 0x1100 ? WIDE_LETTER_EM : LETTER_EM
  return width
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
