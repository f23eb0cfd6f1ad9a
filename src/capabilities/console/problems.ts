import type { ProblemView } from '../../contracts/feed.ts'
import type { Problem } from '../../platform/capability.ts'

/** Problems that are shown; of more, the worst first. */
export const PROBLEMS_SHOWN_MAX = 500

/** Remembers since when each problem is there. */
export interface ProblemClock {
  /** What is wrong now, errors first. */
  view(problems: readonly Problem[], nowMs: number): readonly ProblemView[]
}

export function createProblemClock(): ProblemClock {
  const since = new Map<string, number>()
  return {
    view(problems, nowMs) {
      const found = new Map(problems.map((one) => [idOf(one), one]))
      for (const id of since.keys()) if (!found.has(id)) since.delete(id)
      for (const id of found.keys()) if (!since.has(id)) since.set(id, nowMs)
      return [...found]
        .map(([id, { severity, service, instance, code, text }]) => {
          return { id, severity, service, instance, code, text, sinceMs: since.get(id) ?? nowMs }
        })
        .toSorted((a, b) => Number(b.severity === 'error') - Number(a.severity === 'error'))
        .slice(0, PROBLEMS_SHOWN_MAX)
    },
  }
}

function idOf({ code, service, instance, key = '' }: Problem): string {
  return `${code}/${service}/${instance}${key}`
}
