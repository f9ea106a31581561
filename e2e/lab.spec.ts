/**
 * Does the lab do what it says, and leave the machine as it was? One short run of `npm run lab`, and one that is
 * interrupted; left out, with the reason, where there can be no lab.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, test } from '@playwright/test'
import { attempt } from './lab/command.ts'
import type { LabFigures } from './lab/lab-report.ts'
import { whyNoLab } from './lab/why-no-lab.ts'

const PROJECT = fileURLToPath(new URL('..', import.meta.url))
const TIMEOUT_MS = 120_000 // Measured: 13 s a run. Only one that hangs reaches it.
const WORDS = ['--peers', '3', '--nat', 'mixed', '--rtt', '40', '--runs', '1', '--json']

const why = whyNoLab()
const testInLab = why === undefined ? test : test.skip

test.describe(`the lab${why === undefined ? '' : ` (left out: ${why})`}`, () => {
  test.describe.configure({ timeout: TIMEOUT_MS })

  let lab: Lab
  test.beforeEach(async () => {
    lab = await Lab.start()
  })
  test.afterEach(() => lab.tidyUp())

  testInLab('three behind NATs of three kinds become one ring, all linked by WebRTC, and can all talk', async () => {
    expect(await lab.ended).toBe(0)
    const { distanceBy, kinds, misnamed, silent, broken, wholeMs } = JSON.parse(lab.printed.at(-1) ?? '') as LabFigures
    const { direct = 0, turn = 0, ...worse } = kinds
    // The symmetric and the restricted one let nobody in; of other pairs, ICE may take the way over TURN, if it is there first.
    expect(turn).toBeGreaterThan(0)
    expect([direct + turn, worse]).toEqual([3, {}])
    expect({ misnamed, silent, broken }).toEqual({ misnamed: 0, silent: 0, broken: 0 })
    expect(wholeMs.median).not.toBeNull()
    expect(distanceBy).not.toBe('none')
    await expectNothingLeftOf(lab)
  })

  testInLab('when it is interrupted, nothing of it is left', async () => {
    await lab.hasSaid(/^3 browsers behind/)
    // What is looked for is there while it runs, or the search would find nothing in any case.
    expect(lab.namespaces()).toHaveLength(8)
    expect(await lab.programs()).toEqual(expect.arrayContaining(['chromium', 'node', 'turnserver']))
    expect(await lab.files()).not.toEqual([])
    lab.child.kill('SIGINT')
    expect(await lab.ended).toBe(130)
    await expectNothingLeftOf(lab)
  })
})

class Lab {
  readonly child: ChildProcess
  /** Where its files go. */
  readonly folder: string
  /** The lines of its standard output. */
  readonly printed: string[] = []
  /** Its exit status. */
  readonly ended: Promise<number | null>
  readonly interfacesBefore = interfaces()
  private readonly said: string[] = []
  private readonly mark: string

  private constructor(folder: string, mark: string) {
    this.folder = folder
    this.mark = mark
    this.child = spawn(process.execPath, ['--import', 'tsx', 'e2e/lab/lab.ts', ...WORDS], {
      cwd: PROJECT,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, TMPDIR: folder, OVERTURE_LAB: mark },
    })
    const { child } = this
    if (child.stdout) createInterface(child.stdout).on('line', (line) => this.printed.push(line))
    if (child.stderr) createInterface(child.stderr).on('line', (line) => this.said.push(line))
    this.ended = new Promise((resolve) => child.once('close', resolve))
  }

  static async start(): Promise<Lab> {
    return new Lab(await mkdtemp(join(tmpdir(), 'overture-lab-test-')), randomUUID())
  }

  async hasSaid(pattern: RegExp): Promise<void> {
    await expect.poll(() => this.said.join('\n'), { timeout: TIMEOUT_MS }).toMatch(new RegExp(pattern, 'm'))
  }

  namespaces(): string[] {
    const lines = attempt('ip', ['netns', 'list']).split('\n')
    return lines.filter((line) => line.startsWith(`overture-${this.child.pid}-`))
  }

  /** The names of the processes that it and its children have started, by what they inherit. */
  async programs(): Promise<string[]> {
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
    const names = await Promise.all(
      pids.map(async (pid) => {
        const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')
        return environment.includes(`OVERTURE_LAB=${this.mark}`)
          ? (await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')).trim()
          : ''
      }),
    )
    return names.filter(Boolean)
  }

  /** But for the cache of what runs TypeScript. */
  async files(): Promise<string[]> {
    return (await readdir(this.folder)).filter((name) => !name.startsWith('tsx-'))
  }

  async tidyUp(): Promise<void> {
    this.child.kill('SIGTERM')
    await this.ended
    await rm(this.folder, { recursive: true, force: true })
  }
}

/** Outside of all namespaces. */
function interfaces(): string[] {
  return attempt('ip', ['-o', 'link', 'show', 'type', 'veth']).split('\n')
}

async function expectNothingLeftOf(lab: Lab): Promise<void> {
  expect(lab.namespaces()).toEqual([])
  expect(interfaces().filter((line) => !lab.interfacesBefore.includes(line))).toEqual([])
  // Whoever was killed is gone as soon as the system has seen to it.
  await expect.poll(() => lab.programs()).toEqual([])
  expect(await lab.files()).toEqual([])
}
