/** What is somebody called? A pleasant name until they choose one, kept for the next visit; others' names made safe to show. */

/** A guess: what fits a line of the people list. */
export const MAX_NAME_LENGTH = 32
const STORAGE_KEY = 'overture.name'

const ADJECTIVES =
  'amber brave bright calm clever cosy curious eager fond gentle glad golden happy honest jolly kind lively lucky mellow merry mild modest nimble patient polite proud quick quiet royal silver sunny tender warm wise witty'.split(
    ' ',
  )
const ANIMALS =
  'badger beaver bison crane deer dolphin falcon finch fox gecko hare heron ibis jay koala lark lemur lynx marten mole moose newt otter owl panda puffin quail raven robin seal stoat swan swift tapir toad vole wombat wren'.split(
    ' ',
  )

export function randomName(random: () => number = Math.random): string {
  const pick = (words: string[]) => words[Math.floor(random() * words.length)] ?? 'quiet'
  const [adjective, animal] = [pick(ADJECTIVES), pick(ANIMALS)]
  return `${capital(adjective)} ${capital(animal)}`
}

/** Removes what cannot be seen or would disorder the text around it; undefined if nothing is left. */
export function cleanName(text: string): string | undefined {
  const name = text
    .slice(0, 4 * MAX_NAME_LENGTH)
    .replace(/[\u200B\u200E\u200F\u202A-\u202E\u2060-\u2069\uFEFF]/g, '')
    .replace(/[\p{Cc}\p{Cs}\s]+/gu, ' ')
    .trim()
  // Cut between characters, never inside one.
  const short = [...name].slice(0, MAX_NAME_LENGTH).join('').trim()
  return short === '' ? undefined : short
}

/** A browser may refuse its storages; names then last as long as the page. */
export type NameStorages = () => {
  /** What a person chose, for all tabs. */
  chosen: Pick<globalThis.Storage, 'getItem' | 'setItem'>
  /** What was made up for this tab, so that a reload does not rename anybody and two tabs are two people. */
  madeUp: Pick<globalThis.Storage, 'getItem' | 'setItem'>
}

const pageStorages: NameStorages = () => ({ chosen: localStorage, madeUp: sessionStorage })

export function loadName(storages = pageStorages): string {
  const name = randomName()
  try {
    const { chosen, madeUp } = storages()
    const kept = cleanName(chosen.getItem(STORAGE_KEY) ?? '') ?? cleanName(madeUp.getItem(STORAGE_KEY) ?? '')
    if (kept !== undefined) return kept
    madeUp.setItem(STORAGE_KEY, name)
  } catch {
    // Refused: see NameStorages.
  }
  return name
}

export function keepChosenName(name: string, storages = pageStorages): void {
  try {
    storages().chosen.setItem(STORAGE_KEY, name)
  } catch {
    // Refused: see NameStorages.
  }
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1)
}
