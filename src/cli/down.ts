import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { supervisorClock } from '../platform/clock.ts'
import { readStartTime, signalProcess } from '../supervisor/process-facts.ts'
import { wait } from '../supervisor/wait.ts'
import { CommandError } from './admin-client.ts'
import { parseArguments, printExit, type CommandSpec } from './arguments.ts'
import { runGuarded, targetFlags } from './command.ts'
import type { Io } from './io.ts'
import { locateConfig, locateData } from './locate.ts'

const spec = {
  name: 'down',
  summary:
    'Stops everything in order, as Ctrl-C does where `up` runs, and waits until nothing is left.',
  flags: targetFlags,
  notes: ['Exit codes: 0 stopped, or nothing was running; 1 it may not be stopped; 2 wrong use.'],
} as const satisfies CommandSpec

/** Between two looks at whether it has ended. */
const LOOK_MS = 50

/** `backplane down`. */
export async function runDown(argv: readonly string[], io: Io): Promise<number> {
  const parsed = parseArguments(argv, spec)
  if (parsed.kind === 'exit') return printExit(parsed, io)
  const { flags } = parsed
  return runGuarded(io, flags.json, async () => {
    const dataDir = locateData(flags.data, locateConfig(flags.config, io.cwd), io.cwd)
    const { pid, startTime } = await readLock(dataDir)
    const isRunning = () => pid !== 0 && startTime !== '' && readStartTime(pid) === startTime
    const wasRunning = isRunning()
    if (wasRunning && !signalProcess(pid, 'SIGINT') && isRunning()) {
      throw new CommandError(
        'ERR_CLI_NOT_PERMITTED',
        `Backplane (pid ${pid}) belongs to another user: stop it as that user, or as root.`,
      )
    }
    while (isRunning()) await wait(supervisorClock, LOOK_MS)
    const text = wasRunning ? 'stopped' : `nothing runs with the data folder ${dataDir}`
    io.stdout.write(flags.json ? `${JSON.stringify({ wasRunning, pid })}\n` : `${text}\n`)
    return 0
  })
}

/** Who has the data folder; pid 0 where nobody has. */
async function readLock(dataDir: string): Promise<{ pid: number; startTime: string }> {
  const lock: unknown = await readFile(join(dataDir, 'lock'), 'utf8')
    .then(JSON.parse)
    .catch(() => null)
  const { pid = 0, startTime = '' } = (lock ?? {}) as { pid?: number; startTime?: string }
  return { pid, startTime }
}
