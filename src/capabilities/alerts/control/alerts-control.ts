import type { AlertsState } from '../../../contracts/alerts-state.ts'
import type { Part, Problem, Scope } from '../../../platform/capability.ts'
import { openStateSender } from '../../../platform/state/sender.ts'
import type { AlertsSettings } from '../settings.ts'
import { alertsStateOf } from './alerts-state.ts'

/** What it stands on. */
export interface AlertsControlNeeds {
  /** Unix socket on which telemetry listens. */
  readonly socketPath: string
  /** Where people find the console; it may change until its listener is open. */
  readonly consoleUrl: () => string
}

/** Tells telemetry who is told of alerts, and hears what is wrong with that. */
export function startAlertsControl(
  first: AlertsSettings,
  { socketPath, consoleUrl }: AlertsControlNeeds,
  scope: Scope,
): Part<AlertsSettings, object> {
  let current = first
  let published = ''
  const sender = openStateSender<AlertsState>({ socketPath, clock: scope.clock, log: scope.log })

  const publish = (): void => {
    published = consoleUrl()
    sender.publish(alertsStateOf(current, published))
  }
  sender.onReport(() => {
    if (consoleUrl() !== published) publish()
  })
  scope.onStop(() => sender.close())
  publish()
  return {
    api: {},
    prepare: (next) => ({
      commit() {
        current = next
        publish()
      },
    }),
    problems: () => (sender.report()?.problems ?? []) as readonly Problem[],
  }
}
