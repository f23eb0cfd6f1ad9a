import type { SupervisorLink } from './supervisor-link.ts'

/** Which of our processes that run only when they are wanted are wanted now. Each capability says it of its own process; the supervisor is told of all. */
export interface OwnWanted {
  set(name: string, isWanted: boolean): void
}

/**
 * Tells the supervisor once each of `names` was said, and with every change from then on: a process that runs from before a restart of control must not be
 * stopped because its capability has not spoken yet.
 */
export function createOwnWanted(
  supervisor: Pick<SupervisorLink, 'send'>,
  names: readonly string[],
): OwnWanted {
  const unsaid = new Set(names)
  const wanted = new Set<string>()
  return {
    set(name, isWanted) {
      unsaid.delete(name)
      if (isWanted) wanted.add(name)
      else wanted.delete(name)
      if (unsaid.size === 0) supervisor.send({ type: 'own-wanted', names: [...wanted] })
    },
  }
}
