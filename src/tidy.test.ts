/**
 * Does the house keep its shape? Who may import whom, what the pure core may touch, how large files are and how they
 * are named. Each rule is a function of one file, and is shown a file that breaks it.
 *
 *   app, devtools, cli, index.ts -> peer -> transport, rendezvous, signalling, reflection
 *     -> xmpp, security, ports.ts -> overlay -> nothing          service and sim stand apart
 */
import { readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseSync } from 'vite'
import { describe, expect, test } from 'vitest'

type SourceFile = { path: string; text: string }
type Rule = { name: string; complaints(file: SourceFile): string[]; broken: [complaint: string, ...SourceFile[]][] }
type AstNode = { type: string; [key: string]: unknown }

const PROJECT = new URL('..', import.meta.url)
const MAX_LINES = 400

/** From the ground up. A file may import what is below it, and its own room. */
const FLOORS = [
  ['overlay'],
  ['ports.ts', 'overture-error.ts', 'xmpp', 'security'],
  ['transport', 'rendezvous', 'signalling', 'reflection'],
  ['peer'],
  ['app', 'devtools', 'cli', 'index.ts'],
]
const ROOMS_APART = ['service', 'sim']

/** Beside the floors: single files, which are no rooms, and what the rooms apart may use of the others. */
const ALLOWED: [from: RegExp, to: RegExp][] = [
  [/^xmpp\//, /^(ports|overture-error)\.ts$/],
  [/^security\//, /^(ports|overture-error)\.ts$/],
  [/^ports\.ts$/, /^xmpp\/stanza\.ts$/],
  [/^service\//, /^xmpp\/stanza\.ts$/],
  [
    /^sim\//,
    /^(overlay\/.*|ports\.ts|overture-error\.ts|peer\/(driver|inner-overlays|values)\.ts|transport\/(memory|tunnel|subring|pathing)\.ts|signalling\/ring-signalling\.ts|rendezvous\/ring-lookup\.ts)$/,
  ],
  [/^cli\//, /^(service|sim)\//],
]
/** Tests and what is made for them alone may use the rooms apart; nothing else may use what is made for tests. */
const FOR_TESTS = /(^|\/)test-[a-z-]+\.ts$|\.test\.ts$/

/** Packages that only one room may know. */
const PACKAGE_OWNERS: [packages: RegExp, owners: RegExp][] = [
  [/^simple-peer(\/|$)/, /^transport\/webrtc[a-z-]*(\.test)?\.ts$/],
  [/^@xmpp\/client$/, /^(xmpp\/|service\/.*\.test\.ts$)/],
  [/^@xmpp\/xml$/, /^(xmpp|service)\//],
  [/^(lit|@awesome\.me\/webawesome)(\/|$)/, /^(app|devtools)\//],
]

const TEST_PACKAGES = /^(vitest|fast-check)$/

/** Whatever brings time, chance, the outside or shared state into what must be a function of its input. */
const IMPURE_NAMES = new Set(
  `Date performance setTimeout setInterval setImmediate clearTimeout clearInterval queueMicrotask requestAnimationFrame
  crypto globalThis window self document navigator location localStorage process console fetch WebSocket
  RTCPeerConnection BroadcastChannel Worker require eval Function`.split(/\s+/),
)

const FORBIDDEN_WORDS = /^(utils?|helpers?|types?|constants?)$/
const KEBAB_CASE = /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+)*$/
const FORBIDDEN_TEXT: [pattern: RegExp, complaint: string][] = [
  [/\.only\(/, 'leaves out all tests but one'],
  [/\.(skip|todo|fixme)\(/, 'leaves out a test'],
  [/@ts-(ignore|nocheck)/, 'silences the compiler'],
  [/\bwaitFor(?:Timeout)\b/, 'waits for the clock'],
  [/\b(TO(?:DO)|FIX(?:ME))\b/, 'is not finished'],
]

/** Suites whose cases throw by themselves, so that they can also be run where there is no vitest. */
const ACCEPTANCE_SUITES = /[/-](contract|conformance)\.ts$/

const RULES: Rule[] = [
  {
    name: 'arrows between rooms point downward only',
    complaints: (file) =>
      importsOf(file)
        .filter((target) => isFile(target) && !mayImport(file.path, target))
        .map((target) => `imports ${target}`),
    broken: [
      ['imports src/peer/ring.ts', source('overlay/a.ts', `import '../peer/ring.ts'`)],
      ['imports src/ports.ts', source('overlay/a.ts', `import type { Clock } from '../ports.ts'`)],
      ['imports src/signalling/b.ts', source('transport/a.ts', `export * from '../signalling/b.ts'`)],
      ['imports src/security/b.ts', source('xmpp/a.ts', `export { b } from '../security/b.ts'`)],
      ['imports src/app/b.ts', source('peer/a.ts', `const b = await import('../app/b.ts')`)],
      ['imports src/transport/b.ts', source('ports.ts', `type B = import('./transport/b.ts').B`)],
      ['imports src/cli/b.ts', source('app/a.ts', `import { b } from '../cli/b.ts'`)],
      ['imports src/index.ts', source('app/a.ts', `import { join } from '../index.ts'`)],
      ['imports src/service/b.ts', source('peer/a.ts', `import { b } from '../service/b.ts'`)],
      ['imports src/sim/b.ts', source('overlay/a.ts', `import { b } from '../sim/b.ts'`)],
      ['imports src/peer/ring.ts', source('service/a.ts', `import type { Ring } from '../peer/ring.ts'`)],
      ['imports src/peer/join.ts', source('sim/a.ts', `import { join } from '../peer/join.ts'`)],
      ['imports src/signalling/b.ts', source('transport/a.test.ts', `import { b } from '../signalling/b.ts'`)],
      ['imports src/xmpp/test-wire.ts', source('xmpp/a.ts', `import { b } from './test-wire.ts'`)],
      ['imports e2e/prosody.ts', source('cli/a.ts', `import { b } from '../../e2e/prosody.ts'`)],
      ['imports src/garden/b.ts', source('peer/a.ts', `import { b } from '../garden/b.ts'`)],
    ],
  },
  {
    name: 'a package that belongs to one room is imported there only',
    complaints: (file) =>
      importsOf(file)
        .filter((target) => isOwnedElsewhere(roomPath(file.path), target))
        .map((target) => `imports ${target}`),
    broken: [
      ['imports simple-peer', source('transport/relay.ts', `import Peer from 'simple-peer'`)],
      ['imports simple-peer/x.js', source('peer/a.ts', `import Peer from 'simple-peer/x.js'`)],
      ['imports @xmpp/client', source('service/a.ts', `import { client } from '@xmpp/client'`)],
      ['imports @xmpp/xml', source('signalling/a.ts', `import xml from '@xmpp/xml'`)],
      ['imports lit', source('peer/a.ts', `import { html } from 'lit'`)],
    ],
  },
  {
    name: 'the overlay is pure',
    complaints: (file) => (isIn('overlay', file) ? impurities(file) : []),
    broken: [
      ['uses Date', source('overlay/a.ts', `export const a = () => Date.now()`)],
      ['uses setTimeout', source('overlay/a.ts', `setTimeout(() => {}, 1)`)],
      ['uses Math.random', source('overlay/a.ts', `export const a = Math.random`)],
      ['uses Math.random', source('overlay/a.ts', `export const a = Math['random']()`)],
      ['uses Math as a whole', source('overlay/a.ts', `const { random } = Math`)],
      ['uses globalThis', source('overlay/a.ts', `export const a = globalThis['perform' + 'ance']`)],
      ['uses self', source('overlay/a.ts', `self.setTimeout(() => {}, 1)`)],
      ['uses process', source('overlay/a.ts', `export const a = { process }`)],
      ['uses console', source('overlay/a.ts', `console.log('here')`)],
      ['imports node:crypto', source('overlay/a.ts', `import { randomBytes } from 'node:crypto'`)],
      ['imports @noble/hashes/sha2.js', source('overlay/a.ts', `import { sha256 } from '@noble/hashes/sha2.js'`)],
      ['imports (computed)', source('overlay/a.ts', `export const a = (b: string) => import(b)`)],
      ['imports node:fs', source('overlay/a.test.ts', `import { readFileSync } from 'node:fs'`)],
    ],
  },
  {
    name: `a file has at most ${MAX_LINES} lines`,
    complaints: ({ text }) => {
      const lines = text.trimEnd().split('\n').length
      return lines > MAX_LINES ? [`has ${lines} lines`] : []
    },
    broken: [
      ['has 401 lines', source('app/a.ts', '\n'.repeat(400).concat('export {}'))],
      ['has 401 lines', source('app/a.test.ts', '\n'.repeat(400).concat('export {}'))],
    ],
  },
  {
    name: 'a name is in kebab case and says what the file holds',
    complaints: ({ path }) =>
      path.split('/').flatMap((name) => {
        if (!KEBAB_CASE.test(name)) return [`“${name}” is not in kebab case`]
        return name.split(/[-.]/).some((word) => FORBIDDEN_WORDS.test(word)) ? [`“${name}” says nothing`] : []
      }),
    broken: [
      ['“RingView.ts” is not in kebab case', source('app/RingView.ts', '')],
      ['“ring_view.ts” is not in kebab case', source('app/ring_view.ts', '')],
      ['“utils.ts” says nothing', source('app/utils.ts', '')],
      ['“ring-helpers.test.ts” says nothing', source('app/ring-helpers.test.ts', '')],
      ['“types” says nothing', source('app/types/a.ts', '')],
      ['“constants.ts” says nothing', source('peer/constants.ts', '')],
    ],
  },
  {
    name: 'exports have names',
    complaints: (file) => (isIn('', file) && !isDeclaration(file) ? defaultExports(file) : []),
    broken: [
      ['exports a default', source('peer/a.ts', 'export default function a() {}')],
      ['exports a default', source('peer/a.ts', 'const a = 1\nexport { a as default }')],
      ['exports a default', source('peer/a.ts', `export { default } from './b.ts'`)],
    ],
  },
  {
    name: 'nothing is unfinished, left out or waited for by the clock',
    complaints: ({ text }) => FORBIDDEN_TEXT.flatMap(([pattern, complaint]) => (pattern.test(text) ? [complaint] : [])),
    broken: [
      ['leaves out all tests but one', source('app/a.test.ts', `it.${'only'}('a', () => {})`)],
      ['leaves out a test', source('app/a.test.ts', `test.${'skip'}('a', () => {})`)],
      ['silences the compiler', source('app/a.ts', `// @ts-${'ignore'}`)],
      ['waits for the clock', { path: 'e2e/a.ts', text: `await page.waitFor${'Timeout'}(500)` }],
      ['is not finished', source('app/a.ts', `// TO${'DO'}: all of it`)],
      ['is not finished', source('app/a.ts', `/* FIX${'ME'} */`)],
    ],
  },
  {
    name: 'a test expects something',
    complaints: (file) => (isTest(file) && !expectsSomething(file) ? ['expects nothing'] : []),
    broken: [
      ['expects nothing', source('app/a.test.ts', `test('a', () => { a() }) // expect(a)`)],
      ['expects nothing', { path: 'e2e/a.spec.ts', text: `import { expect } from './tabs.ts'` }],
    ],
  },
]

const files = [...filesBelow('src'), ...filesBelow('e2e')]

test('there are files to look at', () => {
  expect(files.map(({ path }) => path)).toContain('src/tidy.test.ts')
  expect(files.filter((file) => isIn('overlay', file)).length).toBeGreaterThan(0)
  expect(files.filter(({ path }) => path.startsWith('e2e/')).length).toBeGreaterThan(0)
})

describe.each(RULES)('$name', ({ complaints, broken }) => {
  test('in every file', () => {
    expect(files.flatMap((file) => complaints(file).map((complaint) => `${file.path} ${complaint}`))).toEqual([])
  })

  test.each(broken)('or a file is told that it %s', (complaint, file) => {
    expect(complaints(file as SourceFile)).toEqual([complaint])
  })
})

describe('What is allowed', () => {
  test.each([
    source('sim/a.ts', `import { Driver } from '../peer/driver.ts'`),
    source('peer/a.test.ts', `import { createXmppService } from '../service/xmpp-service.ts'`),
    source('xmpp/test-wire.ts', `import { b } from '../service/test-client.ts'`),
    source('overlay/a.test.ts', `import { expect } from 'vitest'\nexpect(new TextEncoder()).toEqual(self.window)`),
    source(
      'overlay/a.ts',
      `// Date.now() and Math.random() are for others\nexport const a = { process: 1, b: Math.max }`,
    ),
    source('overlay/a.ts', `export type A = { fetch(): void }\nexport const b = (a: A) => a.fetch()`),
    source('overlay/a.ts', `export const a = (self: string) => self.length`),
    source('transport/a.test.ts', `import { CASES } from './conformance.ts'`),
    source('transport/webrtc.ts', `import Peer from 'simple-peer/simplepeer.min.js'`),
    source('xmpp/a.ts', `import type { Clock } from '../ports.ts'\nimport { client } from '@xmpp/client'`),
  ])('$path $text', (file) => {
    const complaints = RULES.flatMap((rule) => rule.complaints(file))
    expect(complaints.filter((complaint) => complaint !== 'expects nothing')).toEqual([])
  })
})

// ---------------------------------------------------------------------------------------------- who imports whom

function mayImport(importer: string, target: string): boolean {
  if (!isIn('', { path: importer }) || importer === 'src/tidy.test.ts') return true
  if (!target.startsWith('src/')) return false
  const [from, to] = [roomPath(importer), roomPath(target)]
  const [fromRoom, toRoom] = [roomOf(from), roomOf(to)]
  const isForTests = FOR_TESTS.test(from)
  if (isForTests && ROOMS_APART.includes(toRoom)) return true
  if (!isForTests && FOR_TESTS.test(to)) return false
  if (fromRoom === toRoom) return true
  if (ALLOWED.some(([froms, tos]) => froms.test(from) && tos.test(to))) return true
  if (ROOMS_APART.includes(fromRoom) || ROOMS_APART.includes(toRoom)) return false
  const toFloor = floorOf(toRoom)
  return toFloor >= 0 && toFloor < floorOf(fromRoom)
}

function isOwnedElsewhere(importer: string, target: string): boolean {
  if (isFile(target) || importer.startsWith('../') || isDeclaration({ path: importer })) return false
  return PACKAGE_OWNERS.some(([packages, owners]) => packages.test(target) && !owners.test(importer))
}

/** The path below src; begins with `../` for a file that is not there. */
function roomPath(path: string): string {
  return posix.relative('src', path)
}

function roomOf(path: string): string {
  return path.split('/')[0] as string
}

function floorOf(room: string): number {
  return FLOORS.findIndex((rooms) => rooms.includes(room))
}

// ---------------------------------------------------------------------------------------------- what is in a file

function isIn(room: string, { path }: Pick<SourceFile, 'path'>): boolean {
  return path.startsWith(posix.join('src', room, '/')) && isCode({ path })
}

function isCode({ path }: Pick<SourceFile, 'path'>): boolean {
  return path.endsWith('.ts')
}

function isTest({ path }: SourceFile): boolean {
  return /\.(test|spec)\.ts$/.test(path)
}

function isDeclaration({ path }: Pick<SourceFile, 'path'>): boolean {
  return path.endsWith('.d.ts')
}

function isFile(target: string): boolean {
  return /^[a-z0-9-]+\/.*\.[a-z]+$/.test(target) && (target.startsWith('src/') || target.startsWith('e2e/'))
}

/** Files as paths from the project's root, packages by name. */
function importsOf(file: SourceFile): string[] {
  return nodesOf(file).flatMap((node) => {
    if (!/^(Import|ExportAll|ExportNamed|TSImportType|TSExternalModule)/.test(node.type)) return []
    const specifier = (node.source ?? node.argument ?? node.expression) as AstNode | null | undefined
    if (!specifier) return []
    if (typeof specifier.value !== 'string') return ['(computed)']
    if (!specifier.value.startsWith('.')) return [specifier.value]
    return [posix.join(posix.dirname(file.path), specifier.value)]
  })
}

function impurities(file: SourceFile): string[] {
  const inTest = isTest(file)
  const imports = importsOf(file).filter((target) => !isFile(target) && !(inTest && TEST_PACKAGES.test(target)))
  return [...imports.map((target) => `imports ${target}`), ...(inTest ? [] : impureNames(file))]
}

function impureNames(file: SourceFile): string[] {
  const own = namesDeclaredIn(file)
  const names = referencesIn(file).filter((name) => IMPURE_NAMES.has(name) && !own.has(name))
  const nodes = nodesOf(file)
  const ofMath = nodes.filter(({ object }) => (object as AstNode | undefined)?.name === 'Math')
  const random = ofMath.filter(({ property }) =>
    ['name', 'value'].some((key) => (property as AstNode)[key] === 'random'),
  )
  const bare = referencesIn(file).filter((name) => name === 'Math').length > ofMath.length
  return [...new Set([...names, ...random.map(() => 'Math.random'), ...(bare ? ['Math as a whole'] : [])])].map(
    (name) => `uses ${name}`,
  )
}

function defaultExports(file: SourceFile): string[] {
  const isDefault = ({ type, exported }: AstNode) =>
    type === 'ExportDefaultDeclaration' || (exported as AstNode | null | undefined)?.name === 'default'
  return nodesOf(file).some(isDefault) ? ['exports a default'] : []
}

function expectsSomething(file: SourceFile): boolean {
  if (importsOf(file).some((target) => ACCEPTANCE_SUITES.test(target))) return true
  return nodesOf(file).some(({ type, callee }) => type === 'CallExpression' && (callee as AstNode).name === 'expect')
}

/** Names that stand for a value or a type, which names of properties do not. */
function referencesIn(file: SourceFile): string[] {
  const nodes = nodesOf(file)
  const properties = new Set(
    nodes.flatMap(({ computed, shorthand, property, key }) => (computed || shorthand ? [] : [property, key])),
  )
  return nodes.filter((node) => node.type === 'Identifier' && !properties.has(node)).map(({ name }) => name as string)
}

/** Parameters and variables. */
function namesDeclaredIn(file: SourceFile): Set<unknown> {
  return new Set(
    nodesOf(file).flatMap(({ type, id, params }) => [
      ...(type === 'VariableDeclarator' ? namesBoundBy(id) : []),
      ...(Array.isArray(params) ? params.flatMap(namesBoundBy) : []),
    ]),
  )
}

function namesBoundBy(pattern: unknown): unknown[] {
  const { type, name, properties, left } = pattern as AstNode
  if (type === 'Identifier') return [name]
  if (type === 'AssignmentPattern') return namesBoundBy(left)
  return type === 'ObjectPattern' ? (properties as AstNode[]).flatMap(({ value }) => namesBoundBy(value ?? {})) : []
}

const parsed = new WeakMap<SourceFile, AstNode[]>()

function nodesOf(file: SourceFile): AstNode[] {
  if (!isCode(file)) return []
  const known = parsed.get(file)
  if (known) return known
  const { program, errors } = parseSync(file.path, file.text)
  if (errors.length > 0) throw new Error(`${file.path}: ${errors[0]?.message}`)
  const nodes: AstNode[] = []
  const collect = (value: unknown) => {
    if (typeof value !== 'object' || value === null) return
    if (typeof (value as AstNode).type === 'string') nodes.push(value as AstNode)
    for (const child of Object.values(value)) collect(child)
  }
  collect(program)
  parsed.set(file, nodes)
  return nodes
}

// ---------------------------------------------------------------------------------------------- files

function source(path: string, text: string): SourceFile {
  return { path: `src/${path}`, text }
}

function filesBelow(folder: string): SourceFile[] {
  return readdirSync(new URL(folder, PROJECT), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`
    if (entry.name === 'node_modules') return []
    if (entry.isDirectory()) return filesBelow(path)
    return [{ path, text: readFileSync(fileURLToPath(new URL(path, PROJECT)), 'utf8') }]
  })
}
