import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { DataFolderLockedError, lockDataFolder, type DataFolderLock } from './data-folder-lock.ts'
import { endLeftOvers, runMark, type LeftOver } from './left-overs.ts'
import { createOperatorLines, type OperatorLines, type OperatorStreams } from './operator-lines.ts'
import { readRecords } from './process-records.ts'
import type { Boot } from '../contracts/supervisor.ts'
import { supervise } from './supervision.ts'

/** What `backplane up` gives. */
export interface SupervisorOptions extends OperatorStreams {
  readonly boot: Boot
  /** The programs of control and data, run by this Node with `nodeArgs`. */
  readonly controlEntry: string
  readonly dataEntry: string
  readonly nodeArgs: readonly string[]
}

/** Another program has the data folder. */
const EXIT_LOCKED = 3

/**
 * Runs the whole system until it is told to stop (SIGINT, SIGTERM, `fatal` of control), and resolves with the exit code:
 * 0 stopped; 1 control or data cannot run; 3 the data folder is locked; 70 a defect of the supervisor; 130 a second SIGINT;
 * or what control said. When it resolves none of the processes that it started is left.
 */
export async function runSupervisor(options: SupervisorOptions): Promise<number> {
  const lines = createOperatorLines(options)
  const { dataDir, snapshotSocket } = options.boot
  const lock = tryLock(dataDir, lines)
  if (typeof lock === 'number') return lock
  // Left by a killed predecessor, it would name listeners that are closed.
  const statePath = join(dataDir, 'run', 'state.json')
  try {
    rmSync(statePath, { force: true })
    const mark = runMark(dataDir)
    reportLeftOvers(await endLeftOvers(readRecords(dataDir), mark), lines)
    rmSync(snapshotSocket, { force: true })
    return await supervise(options, lines, mark)
  } finally {
    rmSync(statePath, { force: true })
    lock.release()
  }
}

function tryLock(dataDir: string, lines: OperatorLines): DataFolderLock | number {
  try {
    return lockDataFolder(dataDir)
  } catch (error) {
    const isLocked = error instanceof DataFolderLockedError
    const reason = error instanceof Error ? error.message : String(error)
    const code = isLocked ? error.code : 'ERR_PROCESSES_DATA_FOLDER'
    const message = isLocked ? reason : `the data folder ${dataDir} cannot be used: ${reason}`
    lines.failure(`error: ${message} [${code}]`, { event: 'fatal', code, message })
    return isLocked ? EXIT_LOCKED : 1
  }
}

function reportLeftOvers(leftOvers: readonly LeftOver[], lines: OperatorLines): void {
  if (leftOvers.length === 0) return
  const ended = leftOvers.map(({ id, pid }) => `${id === '' ? 'process' : id} (pid ${pid})`)
  lines.progress(`ended what a killed backplane left in this folder: ${ended.join(', ')}`, {
    event: 'left-overs-ended',
    processes: leftOvers,
  })
  const stuck = leftOvers.filter((one) => !one.isGone).map((one) => one.pid)
  if (stuck.length === 0) return
  const message = `could not end pid ${stuck.join(', ')}: it may hold ports that are needed now`
  lines.progress(`warning: ${message} [ERR_PROCESSES_LEFT_OVER]`, {
    event: 'warning',
    code: 'ERR_PROCESSES_LEFT_OVER',
    message,
  })
}
