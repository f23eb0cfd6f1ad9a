import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { ProcessSpec } from '../../contracts/supervisor.ts'
import { readStartTime } from '../process-facts.ts'

const folders: string[] = []
process.once('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

/** A folder that goes with the test's process: what the test started is gone then. */
export function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'backplane-supervisor-'))
  folders.push(folder)
  return folder
}

/** A specification of a node script with this text. */
export function specOf(
  folder: string,
  id: string,
  script: string,
  changes: Partial<ProcessSpec> = {},
): ProcessSpec {
  const path = join(folder, `${id}.mjs`)
  writeFileSync(path, script)
  return {
    id,
    service: id.replace(/-[0-9]+$/, ''),
    argv: [process.execPath, path],
    cwd: folder,
    env: { PATH: process.env['PATH'] ?? '' },
    port: 0,
    task: false,
    restart: {
      policy: 'always',
      countMax: null,
      backoffMinMs: 10,
      backoffMaxMs: 40,
      loopCount: 3,
      loopWindowMs: 60_000,
    },
    stopSignal: 'SIGTERM',
    stopGraceMs: 5_000,
    stopOrder: 1,
    hash: 'h1',
    ...changes,
  }
}

/** Runs until it is told to stop. */
export const SLEEPER =
  'setInterval(() => undefined, 1000); console.log(`up on ${process.env.PORT}`)'
/** Says so when SIGTERM comes, and stays. */
export const STUBBORN = `process.on('SIGTERM', () => console.log('no')); ${SLEEPER}`
/** Starts a child in its group, tells its pid, and stays. The child ignores SIGTERM. */
export const PARENT = `
import { spawn } from 'node:child_process'
const child = spawn(process.execPath, ['-e', "process.on('SIGTERM', () => 1); setInterval(() => 1, 1000); console.log('child ' + process.pid)"], { stdio: 'inherit' })
setInterval(() => undefined, 1000)
`

/** A process that has ended tells nobody but its parent: this looks until it is gone. */
export async function waitUntilGone(pid: number): Promise<void> {
  for (let look = 0; look < 500; look++) {
    if (readStartTime(pid) === '') return
    await delay(10)
  }
  throw new Error(`pid ${pid} is still there`)
}

export function isAlive(pid: number): boolean {
  return readStartTime(pid) !== ''
}
