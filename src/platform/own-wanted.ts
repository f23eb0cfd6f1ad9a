import type { SupervisorLink } from './supervisor-link.ts'

/** Which of our processes that run only when they are wanted are wanted now. Each capability says it of its own process; the supervisor is told of all. */
export interface OwnWanted {
  set(name: string, isWanted: boolean): void
}

/** Nothing is wanted at the beginning. */
export function createOwnWanted(supervisor: Pick<SupervisorLink, 'send'>): OwnWanted {
  const wanted = new Set<string>()
  return {
    set(name, isWanted) {
      if (isWanted) wanted.add(name)
      else wanted.delete(name)
      supervisor.send({ type: 'own-wanted', names: [...wanted] })
    },
  }
}
