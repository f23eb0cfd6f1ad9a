import type { EventsState } from '../../../contracts/events-state.ts'
import type { StateReport } from '../../../contracts/state.ts'
import type { Part, Problem, Scope } from '../../../platform/capability.ts'
import { parseHostPort } from '../../../platform/config/addresses.ts'
import type { ListenerBoard } from '../../../platform/listeners/board.ts'
import type { OwnWanted } from '../../../platform/own-wanted.ts'
import { openStateSender, type StateSender } from '../../../platform/state/sender.ts'
import type { EventsSettings } from '../settings.ts'

/** How long a start waits for the events process to open its listener. */
const OPEN_WAIT_MS = 5_000

/** What the file says of events. */
export interface EventsControlConfig {
  readonly events: EventsSettings
  readonly listen: EventsState['listen']
}

/** What it stands on. */
export interface EventsControlNeeds {
  /** Unix socket on which the events process listens. */
  readonly socketPath: string
  readonly ownWanted: OwnWanted
  readonly listeners: Pick<ListenerBoard, 'reportOfOther'>
}

/** What others may ask of it. */
export interface EventsControl {
  /** Resolves when the listener is open, or closed with a reason; at once where there are no events, after a while in any case. */
  readonly opened: Promise<void>
}

/** Wants the process where the file has the section, tells it everything, and hears where it listens and what is wrong. */
export function startEventsControl(
  config: EventsControlConfig,
  { socketPath, ownWanted, listeners }: EventsControlNeeds,
  scope: Scope,
): Part<EventsControlConfig, EventsControl> {
  let current = config
  let sender: StateSender<EventsState> | undefined
  let portBefore = 0
  const opened = Promise.withResolvers<void>()

  const hear = ({ listeners: reports, version }: StateReport): void => {
    for (const { name, address, error } of reports) {
      const at = parseHostPort(address)
      if (at === undefined) continue
      listeners.reportOfOther(name, at, error)
      if (error === '') portBefore = at.port
    }
    if (version > 0) opened.resolve()
  }
  const tell = (): void => {
    const { events } = current
    ownWanted.set('events', events !== undefined)
    if (events === undefined) {
      sender?.close()
      sender = undefined
      opened.resolve()
      return
    }
    if (sender === undefined) {
      sender = openStateSender({ socketPath, clock: scope.clock, log: scope.log })
      sender.onReport(hear)
    }
    sender.publish(stateOf(events, current.listen, portBefore))
  }

  scope.onStop(() => sender?.close())
  scope.clock.after(OPEN_WAIT_MS, opened.resolve)
  tell()
  return {
    api: { opened: opened.promise },
    prepare: (next) => ({
      commit() {
        current = next
        tell()
      },
    }),
    problems: () => (sender?.report()?.problems ?? []) as readonly Problem[],
  }
}

function stateOf(
  { hosts, token, limits, scavenge }: NonNullable<EventsSettings>,
  listen: EventsState['listen'],
  portBefore: number,
): EventsState {
  return {
    listen,
    portBefore,
    hosts,
    token: typeof token === 'string' ? token : undefined,
    limits: { eventBytesMax: limits.event, appendBytesMax: limits.append },
    scavengeMs: scavenge,
  }
}
