import { join } from 'node:path'
import type { IdentityReport, IdentityState } from '../../contracts/identity-state.ts'
import type { ReportedProblem } from '../../contracts/state.ts'
import type { Clock, Log, Part, RouteModule } from '../../platform/capability.ts'
import { openStateReceiver } from '../../platform/state/receiver.ts'
import { registerIdentityRoutes } from './admin/routes.ts'
import { IdentityHouse } from './house.ts'
import type { IncomingMessage, ServerResponse } from 'node:http'

/** After this time what could not be put into force is tried again. */
const RETRY_MS = 2_000

/** Where it stands. */
export interface IdentityConfig {
  /** Keys and, without PostgreSQL, everything else are kept in `identity/` in here. */
  readonly dataDir: string
  /** Unix socket for what control says. */
  readonly stateSocket: string
}

/** What it needs of its process. */
export interface IdentityScope {
  readonly clock: Clock
  readonly log: Log
  onStop(release: () => void | Promise<void>): void
}

/** What its process does with it. */
export interface Identity {
  /** Answers a request for the issuer; 503 before control has said what there is. */
  handle(request: IncomingMessage, response: ServerResponse): void
}

/** The authorization server, in a process of its own: nothing is opened until control says what to do. */
export async function startIdentity(
  { dataDir, stateSocket }: IdentityConfig,
  _needs: object,
  scope: IdentityScope,
): Promise<Part<IdentityConfig, Identity>> {
  let house: IdentityHouse | undefined
  let problem: ReportedProblem | undefined
  let turn = Promise.resolve()
  let asked = 0
  let isStopped = false
  let cancelRetry = (): void => {}

  /** One after the other. What cannot be put into force is tried again: a database may come later than we do. */
  async function apply(state: IdentityState): Promise<void> {
    cancelRetry()
    const own = ++asked
    const done = turn.then(() => applyNow(state))
    turn = done.catch(() => {
      // What was asked for later is not undone by what failed before.
      if (own !== asked || isStopped) return
      cancelRetry = scope.clock.after(RETRY_MS, () => void apply(state).then(tell, tell))
    })
    return done
  }

  const tell = (): void => receiver.changed()

  async function applyNow(state: IdentityState): Promise<void> {
    try {
      house ??= await IdentityHouse.open({
        folder: join(dataDir, 'identity'),
        state,
        clock: scope.clock,
        log: scope.log,
        changed: () => receiver.changed(),
      })
      await house.apply(state)
      problem = undefined
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error)
      problem = {
        severity: 'error',
        code: 'ERR_IDENTITY_STATE',
        service: '',
        instance: '',
        text: `Identity cannot work as the file says: ${text}`,
      }
      throw error
    }
  }

  const receiver = await openStateReceiver<IdentityState, IdentityReport>({
    socketPath: stateSocket,
    log: scope.log,
    apply,
    report: () => ({
      listeners: house?.listeners() ?? [],
      problems: [...(problem === undefined ? [] : [problem]), ...(house?.problems() ?? [])],
      more: house?.report(),
    }),
  })
  scope.onStop(async () => {
    isStopped = true
    cancelRetry()
    await receiver.close()
    await house?.close()
  })
  const routes: readonly RouteModule[] = [
    (app) => registerIdentityRoutes(app, { house: () => house }),
  ]
  return {
    api: {
      handle(request, response) {
        if (house !== undefined) return house.handle(request, response)
        response
          .writeHead(503, { 'content-type': 'text/plain', 'retry-after': '1' })
          .end('Identity is starting.\n')
      },
    },
    routes,
  }
}
