/** FoundInputs: the inputs that a decoder has not borne once. They are kept beside the tests, which give them to it ever after. */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Found } from './fuzz-run.ts'

const FOLDER = new URL('found/', import.meta.url)
const DIGEST_DIGITS = 8

/** Returns the file's path. */
export function keepFound({ decoder, seed, why, bytes }: Found, folder = FOLDER): string {
  const digest = createHash('sha256').update(bytes).digest('hex').slice(0, DIGEST_DIGITS)
  const path = fileURLToPath(new URL(`${decoder}.${digest}.json`, folder))
  const kept = { decoder, seed, why, hex: Buffer.from(bytes).toString('hex') }
  mkdirSync(folder, { recursive: true })
  writeFileSync(path, `${JSON.stringify(kept, null, 2)}\n`)
  return path
}

export function keptInputs(folder = FOLDER): Found[] {
  if (!existsSync(folder)) return []
  const files = readdirSync(folder).filter((file) => file.endsWith('.json'))
  return files.map((file) => {
    const { hex, ...found } = JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as Found & { hex: string }
    return { ...found, bytes: new Uint8Array(Buffer.from(hex, 'hex')) }
  })
}
