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

/** The name kept from an earlier visit, or a new one. A browser that refuses storage only means a new name each time. */
export function loadName(storage: () => Pick<globalThis.Storage, 'getItem'> = () => localStorage): string {
  try {
    return cleanName(storage().getItem(STORAGE_KEY) ?? '') ?? randomName()
  } catch {
    return randomName()
  }
}

export function keepName(name: string, storage: () => Pick<globalThis.Storage, 'setItem'> = () => localStorage): void {
  try {
    storage().setItem(STORAGE_KEY, name)
  } catch {
    // Private windows may refuse storage; the name then lasts as long as the page.
  }
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1)
}
