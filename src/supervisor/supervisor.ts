import {
  DataFolderForeignError,
  DataFolderLockedError,
  lockDataFolder,
  type DataFolderLock,
} from './data-folder-lock.ts'
import { endLeftOvers, runMark, type LeftOver } from './left-overs.ts'
import { createOperatorLines, type OperatorLines } from './operator-lines.ts'
import { readRecords } from './process-records.ts'
import { removeRunState } from './run-state.ts'
import { socketPath } from './socket-path.ts'
import type { SocketPaths, SupervisorOptions } from './supervisor-options.ts'
import { supervise } from './supervision.ts'

/** Another program has the data folder. */
const EXIT_LOCKED = 3

/**
 * Runs the whole system until it is told to stop (SIGINT, SIGTERM, `fatal` of control before its listeners were ever open), and resolves with the exit code:
 * 0 stopped; 1 one of ours cannot run; 3 the data folder is locked; 70 a defect of the supervisor; 130 a second SIGINT;
 * or what control said. When it resolves none of the processes that it started is left.
 */
export async function runSupervisor(options: SupervisorOptions): Promise<number> {
  const lines = createOperatorLines(options)
  const { dataDir } = options.boot
  const lock = tryLock(dataDir, lines)
  if (typeof lock === 'number') return lock
  try {
    const sockets = tryPlaceSockets(options, lines)
    if (typeof sockets === 'number') return sockets
    removeRunState(dataDir)
    const mark = runMark(dataDir)
    reportLeftOvers(await endLeftOvers(readRecords(dataDir), mark, options.clock), lines)
    return await supervise(options, sockets, lines, mark)
  } finally {
    removeRunState(dataDir)
    lock.release()
  }
}

function tryLock(dataDir: string, lines: OperatorLines): DataFolderLock | number {
  try {
    return lockDataFolder(dataDir)
  } catch (error) {
    return reportUnusable(dataDir, error, lines)
  }
}

function tryPlaceSockets(
  { boot: { dataDir }, own }: SupervisorOptions,
  lines: OperatorLines,
): SocketPaths | number {
  try {
    return {
      snapshot: socketPath(dataDir, 'snapshot'),
      records: socketPath(dataDir, 'telemetry-records'),
      admin: own.map(({ name }) => ({
        name,
        path: socketPath(dataDir, name),
        statePath: socketPath(dataDir, `${name}-state`),
      })),
    }
  } catch (error) {
    return reportUnusable(dataDir, error, lines)
  }
}

function reportUnusable(dataDir: string, error: unknown, lines: OperatorLines): number {
  const isLocked = error instanceof DataFolderLockedError
  const isNamed = isLocked || error instanceof DataFolderForeignError
  const reason = error instanceof Error ? error.message : String(error)
  const code = isNamed ? error.code : 'ERR_PROCESSES_DATA_FOLDER'
  const message = isNamed ? reason : `the data folder ${dataDir} cannot be used: ${reason}`
  lines.failure(`error: ${message} [${code}]`, { event: 'fatal', code, message })
  return isLocked ? EXIT_LOCKED : 1
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
