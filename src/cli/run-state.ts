import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { OwnDown, RunState } from '../contracts/supervisor.ts'
import { readStartTime } from '../supervisor/process-facts.ts'

/** What the supervisor of this data folder wrote for commands; null: it runs not, or not yet. An older one may have left out fields. */
export async function readRunState(dataDir: string): Promise<Partial<RunState> | null> {
  try {
    const state: unknown = JSON.parse(await readFile(join(dataDir, 'run', 'state.json'), 'utf8'))
    return typeof state === 'object' ? state : null
  } catch {
    return null
  }
}

/** Why the console cannot answer although the system runs, for the operator; null where nothing is known to be wrong. */
export function describeDown({ pid, startTime, down }: Partial<RunState>): string | null {
  const isRunning = pid !== undefined && startTime !== '' && readStartTime(pid) === startTime
  if (!isRunning || down === undefined || down.length === 0) return null
  return [
    'A part of Backplane is down. The gateway and the services go on with what they were told last; until it is back nothing can be shown or changed.',
    ...down.map(describeOne),
    `Backplane (pid ${pid}) starts it again until it runs: repair what is named, and it comes back by itself.`,
  ].join('\n')
}

function describeOne({ name, sinceMs, endCount, reason }: OwnDown): string {
  const since = new Date(sinceMs).toISOString()
  const count = endCount === 1 ? 'once' : `${endCount} times`
  const text = reason.trimEnd().replaceAll('\n', '\n    ')
  return `  ${name} (down since ${since}, ended ${count}) ${text}`
}
