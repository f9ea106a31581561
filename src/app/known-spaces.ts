/**
 * Known spaces: which spaces were opened in this browser, so that they can be opened again when all their tabs were closed and
 * the link is at hand nowhere else. Their secrets are kept with them, until a person forgets the space.
 */
import { OvertureError } from '../overture-error.ts'
import { encodeSpaceLink, parseSpaceLink, type SpaceLink } from './space-link.ts'

/** A guess: what fits a small page; the one opened longest ago goes first. */
export const MAX_KNOWN_SPACES = 12
const STORAGE_KEY = 'overture.spaces'

export type KnownSpace = { name: string; fragment: string }

/** A browser may refuse it; then nothing is kept. */
type KeptText = () => Pick<globalThis.Storage, 'getItem' | 'setItem'>
const pageStorage: KeptText = () => localStorage

/** The one opened last in front. Never throws, whatever is stored. */
export function knownSpaces(storage = pageStorage): KnownSpace[] {
  return linksIn(storage).map((link) => ({ name: link.namespace, fragment: encodeSpaceLink(link) }))
}

/** Whose invitation led us there is of no use a second time. */
export function keepSpace({ invitation: _, ...link }: SpaceLink, storage = pageStorage): void {
  const fragment = encodeSpaceLink(link)
  store([fragment, ...without(fragment, storage)], storage)
}

export function forgetSpace(fragment: string, storage = pageStorage): void {
  store(without(fragment, storage), storage)
}

function without(fragment: string, storage: KeptText): string[] {
  return knownSpaces(storage).flatMap((each) => (each.fragment === fragment ? [] : each.fragment))
}

function linksIn(storage: KeptText): SpaceLink[] {
  try {
    const kept: unknown = JSON.parse(storage().getItem(STORAGE_KEY) ?? '[]')
    const texts = (Array.isArray(kept) ? kept : []).slice(0, MAX_KNOWN_SPACES)
    const links = texts.map((text) => parseSpaceLink(String(text)))
    return links.flatMap((link) => (link instanceof OvertureError ? [] : link))
  } catch {
    return []
  }
}

function store(fragments: readonly string[], storage: KeptText): void {
  try {
    storage().setItem(STORAGE_KEY, JSON.stringify(fragments.slice(0, MAX_KNOWN_SPACES)))
  } catch {
    // Refused: see KeptText.
  }
}
