import { randomUUID } from 'node:crypto'
import type { Scope } from '../../platform/capability.ts'
import type { Kv, NodeHealth } from './api.ts'
import type { Committer } from './committer.ts'
import { kvError } from './errors.ts'
import { Lifetimes } from './lifetimes.ts'
import type { Session, SessionSpec } from './model.ts'
import { beginSession, endSession } from './operations.ts'
import type { State } from './state.ts'

/** What sessions stand on. */
export interface SessionsGround {
  readonly scope: Scope
  readonly state: State
  readonly committer: Committer
  readonly health: NodeHealth
  readonly sessionsMax: () => number
}

/** Sessions of the Api. */
export type Sessions = Pick<
  Kv,
  'session' | 'sessions' | 'createSession' | 'destroySession' | 'renewSession' | 'sessionEndsInMs'
>

/** Begins, renews and ends sessions: by a call, by time, and by the checks that they hang on. */
export function createSessions(ground: SessionsGround): Sessions {
  const { scope, state, committer, health } = ground
  /** Ends that are on their way to the disk. */
  const ending = new Map<string, Promise<boolean>>()
  const lifetimes = new Lifetimes(scope.clock, (id) => endOnOurOwn(id, 'its TTL is over'))

  function destroy(id: string): Promise<boolean> {
    const known = ending.get(id)
    if (known !== undefined) return known
    const ended = committer.submit(0, (draft, moment) => {
      const result = endSession(draft, id, moment)
      return { isKept: result, result }
    })
    ending.set(id, ended)
    const forget = (): void => void ending.delete(id)
    ended.then(() => {
      forget()
      lifetimes.forget(id)
    }, forget)
    return ended
  }

  /** A disk that refuses is tried again: a session that is over must not hold its keys. */
  function endOnOurOwn(id: string, why: string): void {
    destroy(id).then(
      () => scope.log('info', 'a session ended', { session: id, why }),
      (error: unknown) => {
        scope.log('error', 'a session could not be ended yet', { session: id, error })
        const ttlMs = state.session(id)?.ttlMs ?? 0
        if (ttlMs > 0) lifetimes.begin(id, RETRY_MS)
      },
    )
  }

  for (const { id, ttlMs } of state.sessions()) if (ttlMs > 0) lifetimes.begin(id, ttlMs)
  scope.onStop(() => lifetimes.close())
  scope.onStop(health.subscribe(() => endUnhealthy(state, health, endOnOurOwn)))
  return {
    session: (id) => state.session(id),
    sessions: () => state.sessions(),
    destroySession: destroy,
    sessionEndsInMs: (id) => lifetimes.leftMs(id),
    async createSession(spec) {
      refuseUnhealthy(spec, health)
      const id = randomUUID()
      const session = await committer.submit(0, (draft, { index }) => {
        const begun: Session = { ...spec, id, createIndex: index }
        beginSession(draft, begun, ground.sessionsMax())
        return { isKept: true, result: begun }
      })
      if (session.ttlMs > 0) lifetimes.begin(id, session.ttlMs)
      return session
    },
    async renewSession(id) {
      const session = state.session(id)
      const isOver = session !== undefined && session.ttlMs > 0 && !lifetimes.renew(id)
      // It is over already, and what was decided is only not on disk yet.
      if (isOver || ending.has(id)) await ending.get(id)?.catch(() => false)
      return state.session(id)
    },
  }
}

/** Until the end of a session is tried again. */
const RETRY_MS = 1_000

/** Throws `ProblemError`. */
function refuseUnhealthy(
  { node, nodeChecks, serviceChecks }: SessionSpec,
  health: NodeHealth,
): void {
  if (!health.hasNode(node)) throw kvError('ERR_KV_SESSION_NODE', 'Missing node registration')
  for (const check of [...nodeChecks, ...serviceChecks]) {
    const status = health.statusOf(node, check)
    if (status === undefined) {
      throw kvError('ERR_KV_SESSION_CHECK', `Missing check '${check}' registration`)
    }
    if (status === 'critical') {
      throw kvError('ERR_KV_SESSION_CHECK', `Check '${check}' is in critical state`)
    }
  }
}

function endUnhealthy(
  state: State,
  health: NodeHealth,
  end: (id: string, why: string) => void,
): void {
  for (const session of state.sessions()) {
    if (!health.hasNode(session.node)) {
      end(session.id, 'its node is gone')
      continue
    }
    for (const check of [...session.nodeChecks, ...session.serviceChecks]) {
      const status = health.statusOf(session.node, check)
      if (status !== undefined && status !== 'critical') continue
      end(session.id, `its check ${check} is ${status ?? 'gone'}`)
      break
    }
  }
}
