/**
 * Consumer: a project of somebody else's that has the library and the strictest of compilers and nothing else, least
 * of all the types that the library was built with.
 */
import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const PROJECT = fileURLToPath(new URL('../../', import.meta.url))
const COMPILER = join(PROJECT, 'node_modules/typescript/bin/tsc')

const COMPILER_OPTIONS = {
  module: 'NodeNext',
  moduleResolution: 'NodeNext',
  target: 'ES2022',
  lib: ['ES2022', 'DOM'],
  types: [],
  strict: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: false,
  noEmit: true,
}

/** Returns what the compiler complains of; empty when it is content. */
export async function compileAgainstLibrary(program: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'overture-consumer-'))
  try {
    const library = join(folder, 'node_modules/overture')
    await mkdir(library, { recursive: true })
    await cp(join(PROJECT, 'package.json'), join(library, 'package.json'))
    await cp(join(PROJECT, 'dist/lib'), join(library, 'dist/lib'), { recursive: true })
    await writeFile(join(folder, 'package.json'), JSON.stringify({ type: 'module' }))
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: COMPILER_OPTIONS }))
    await writeFile(join(folder, 'program.ts'), program)
    return await run(process.execPath, [COMPILER, '--project', folder, '--pretty', 'false'])
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Returns the output of a program that failed. */
function run(program: string, argv: string[]): Promise<string> {
  return new Promise((resolve) => {
    execFile(program, argv, (error, stdout, stderr) => resolve(error ? stdout + stderr || error.message : ''))
  })
}
