import { join } from 'node:path'
import type { EventsState } from '../../contracts/events-state.ts'
import type { ReportedProblem } from '../../contracts/state.ts'
import type { Clock, Log, Part } from '../../platform/capability.ts'
import { openStateReceiver } from '../../platform/state/receiver.ts'
import { EventsError } from './errors.ts'
import { EventsHouse } from './house.ts'
import { registerEventRoutes } from './protocols/http/routes.ts'

/** Where it stands. */
export interface EventsConfig {
  readonly dataDir: string
  /** Unix socket for what control says. */
  readonly stateSocket: string
}

/** What it needs of its process. */
export interface EventsScope {
  readonly clock: Clock
  readonly log: Log
  onStop(release: () => void | Promise<void>): void
}

/** What others in this process may ask of it. */
export interface Events {
  /** Undefined until control has said for the first time how events are kept. */
  readonly house: () => EventsHouse | undefined
}

/** The event store in its process: nothing is opened until control says what to do. */
export async function startEvents(
  { dataDir, stateSocket }: EventsConfig,
  _needs: object,
  scope: EventsScope,
): Promise<Part<EventsConfig, Events>> {
  let house: EventsHouse | undefined
  let problem: ReportedProblem | undefined

  async function apply(state: EventsState): Promise<void> {
    try {
      house ??= await EventsHouse.open({
        file: join(dataDir, 'events.sqlite'),
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
        code: 'ERR_EVENTS_STATE',
        service: '',
        instance: '',
        text: `Events cannot be kept or served as the file says: ${text}`,
      }
      throw error
    }
  }

  const receiver = await openStateReceiver<EventsState>({
    socketPath: stateSocket,
    log: scope.log,
    apply,
    report: () => ({
      listeners: house?.listeners() ?? [],
      problems: [...(problem === undefined ? [] : [problem]), ...(house?.problems() ?? [])],
    }),
  })
  scope.onStop(async () => {
    await receiver.close()
    await house?.close()
  })
  const opened = (): EventsHouse => {
    if (house !== undefined) return house
    throw new EventsError('ERR_EVENTS_CLOSED', 'The event store is not open yet.')
  }
  return {
    api: { house: () => house },
    routes: [(app) => registerEventRoutes(app, () => opened().served)],
  }
}
