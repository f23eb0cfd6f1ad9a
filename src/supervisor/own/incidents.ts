import type { Clock } from '../../platform/capability.ts'
import type { OwnDown } from '../../contracts/supervisor.ts'
import type { OperatorLines } from '../operator-lines.ts'
import type { OwnEnd } from './own-process.ts'

/** What is wrong with our own processes: from the first end of one until it is well again. */
export interface Incidents {
  /** It ended and is started again. The operator is told of each reason once an incident: a file that stays wrong is no flood. */
  ended(name: string, end: OwnEnd & { readonly restartMs: number }, logPath: string): void
  /** It does its work again, or is not wanted any more; returns whether anything had been wrong. */
  closed(name: string): boolean
  list(): readonly OwnDown[]
}

/** More different reasons of one incident are told by its log alone. */
const REASONS_TOLD_MAX = 20
const SAID_LINES_MAX = 5

interface Incident {
  down: OwnDown
  readonly told: Set<string>
}

/** Begins with nothing wrong. */
export function createIncidents(lines: OperatorLines, clock: Clock): Incidents {
  const incidents = new Map<string, Incident>()
  return {
    ended(name, end, logPath) {
      const known = incidents.get(name)
      const { sinceMs, endCount } = known?.down ?? { sinceMs: clock.nowMs(), endCount: 0 }
      const { reason } = end
      const told = known?.told ?? new Set()
      incidents.set(name, { down: { name, sinceMs, endCount: endCount + 1, reason }, told })
      if (told.has(reason) || told.size >= REASONS_TOLD_MAX) return
      told.add(reason)
      tellEnd(lines, name, end, logPath)
    },
    closed: (name) => incidents.delete(name),
    list: () => [...incidents.values()].map(({ down }) => down),
  }
}

function tellEnd(
  lines: OperatorLines,
  name: string,
  { pid, exit, reason, restartMs, lastLines }: OwnEnd & { readonly restartMs: number },
  logPath: string,
): void {
  const code = 'ERR_PROCESSES_OWN_ENDED'
  const when = restartMs === 0 ? 'at once' : `in ${(restartMs / 1000).toFixed(1)} s`
  const rest = `it is started again ${when}, and until it runs; all else goes on. Log: ${logPath} [${code}]`
  const text = reason.trimEnd()
  const glue = text.includes('\n') ? '\n' : '; '
  const said = lastLines.slice(-SAID_LINES_MAX).map((line) => `  ${name}: ${line}\n`)
  lines.progress(`${name} (pid ${pid}) ${text}${glue}${rest}\n${said.join('')}`, {
    event: 'own-process-ended',
    code,
    name,
    pid,
    exit,
    reason: text,
    restartMs,
    lastLines,
  })
}
