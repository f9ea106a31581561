/**
 * What do the end-to-end tests need from the system, and is it there? Run by `npm test` before anything else: installs
 * what is missing from Debian's packages where it may, and otherwise says what is missing and how to install it.
 * Chromium brings a font with it (through fontconfig).
 */
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, isAbsolute, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Without a package it is the user's own choice, and nothing that we install can put it there. */
type Program = { path: string; package?: string; use: string }

const { CHROMIUM: chosen } = process.env

export const CHROMIUM = chosen || '/usr/bin/chromium'

const PROGRAMS: Program[] = [
  chosen
    ? { path: chosen, use: 'the browser that CHROMIUM names' }
    : { path: CHROMIUM, package: 'chromium', use: 'the browser; CHROMIUM=<path> names another one' },
  { path: 'prosody', package: 'prosody', use: 'an XMPP server that others wrote' },
  { path: 'turnserver', package: 'coturn', use: 'a STUN and TURN server that others wrote' },
  { path: 'openssl', package: 'openssl', use: 'the certificates of servers' },
  { path: 'ip', package: 'iproute2', use: 'the network namespaces of the lab' },
  { path: 'tc', package: 'iproute2', use: 'the distances in the lab' },
  { path: 'python3', package: 'python3', use: 'the distances in the lab, where the kernel has no netem' },
  { path: 'nft', package: 'nftables', use: 'the NATs of the lab' },
  { path: '/usr/sbin/ejabberdctl', package: 'ejabberd', use: 'another one, which federates with the first' },
]

/** Packages whose programs are services ask this file whether they may start, and must not: tests start their own. */
const POLICY = '/usr/sbin/policy-rc.d'
const NO_STARTING = '#!/bin/sh\nexit 101\n' // invoke-rc.d(8): 101 is "action forbidden by policy".
const APT = ['-q', '-y', '-o', 'DPkg::Lock::Timeout=120']

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = provide()

/** Returns the exit status. */
function provide(): number {
  const packages = packagesOf(findMissing())
  if (packages.length > 0 && mayInstall()) install(packages)
  const missing = findMissing()
  if (missing.length === 0) return 0
  const lines = missing.map(({ path, use }) => `  ${path}: ${use}`)
  console.error(`The end-to-end tests need programs that are not there:\n${lines.join('\n')}`)
  const toInstall = packagesOf(missing).join(' ')
  if (toInstall) console.error(`On Debian, as root: apt-get install --no-install-recommends ${toInstall}`)
  return 1
}

function packagesOf(programs: Program[]): string[] {
  return programs.flatMap((program) => program.package ?? [])
}

function findMissing(): Program[] {
  return PROGRAMS.filter(({ path }) => !isThere(path))
}

function isThere(program: string): boolean {
  if (isAbsolute(program)) return isExecutable(program)
  return (process.env.PATH ?? '').split(delimiter).some((folder) => isExecutable(join(folder, program)))
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function mayInstall(): boolean {
  return process.getuid?.() === 0 && isThere('apt-get')
}

function install(packages: string[]): void {
  console.log(`Installing what the end-to-end tests need: ${packages.join(', ')}.`)
  const hasPolicy = existsSync(POLICY)
  if (!hasPolicy) writeFileSync(POLICY, NO_STARTING, { mode: 0o755 })
  try {
    if (aptGet(['update'])) aptGet(['install', '--no-install-recommends', ...packages])
  } finally {
    if (!hasPolicy) rmSync(POLICY)
  }
}

function aptGet(command: string[]): boolean {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  return spawnSync('apt-get', [...APT, ...command], { stdio: ['ignore', 'inherit', 'inherit'], env }).status === 0
}
