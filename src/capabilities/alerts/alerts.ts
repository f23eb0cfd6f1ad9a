import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { AlertsState } from '../../contracts/alerts-state.ts'
import type { ReportedProblem } from '../../contracts/state.ts'
import type { Clock, Log, Part, Random } from '../../platform/capability.ts'
import { openStateReceiver } from '../../platform/state/receiver.ts'
import type { Metrics } from '../metrics/metrics.ts'
import { fingerprintOf } from '../../mechanisms/alert-routing/fingerprint.ts'
import { labelsOf } from '../../mechanisms/labels/labels.ts'
import type { RuleReport } from '../metrics/rules/rule-ground.ts'
import type { Alerts } from './api.ts'
import { Deliveries, type Delivery } from './deliver/deliveries.ts'
import { Dispatcher } from './dispatch/dispatcher.ts'
import { Silences } from './dispatch/silences.ts'
import { type KeptState, readKeptState } from './kept-state.ts'
import { AlertmanagerSender } from './notify/alertmanager.ts'
import { sendToNotifier } from './notify/notify.ts'
import { problemsOfAlerts } from './problems.ts'
import { registerAlertRoutes } from './routes.ts'
import { StateFile } from './state-file.ts'

/** Where it stands. */
export interface AlertsConfig {
  /** Its state is kept in here. */
  readonly dataDir: string
  /** Unix socket for what control says. */
  readonly stateSocket: string
}

/** What it stands on. */
export interface AlertsNeeds {
  readonly metrics: Pick<Metrics, 'onAlerts'>
}

/** What it needs of its process. */
export interface AlertsScope {
  readonly clock: Clock
  readonly log: Log
  readonly random: Random
  onStop(release: () => void | Promise<void>): void
}

/** Alerts in the telemetry process: who is told of what metrics finds, when, and how that went. */
export async function startAlerts(
  { dataDir, stateSocket }: AlertsConfig,
  { metrics }: AlertsNeeds,
  scope: AlertsScope,
): Promise<Part<AlertsConfig, Alerts>> {
  const { clock, log, random } = scope
  const path = join(dataDir, 'alerts', 'state.json')
  const kept = await readKeptState(path, log)
  let state: AlertsState | undefined
  let problem: ReportedProblem | undefined

  const silences = new Silences(kept.silences)
  const file = new StateFile<KeptState>(path, () => ({
    version: 1,
    silences: silences.list(),
    groups: dispatcher.keep(),
    deliveries: { waiting: deliveries.waiting, lines: deliveries.lines },
  }))
  const deliveries: Deliveries = new Deliveries(
    {
      clock,
      random,
      log,
      send: (delivery) => sendToNotifier(delivery, state, clock),
      save: () => file.save(),
      gaveUp: ({ notification: { groupKey }, notifier }) =>
        dispatcher.forgetTold(groupKey, notifier),
    },
    kept.deliveries,
  )
  const dispatcher: Dispatcher = new Dispatcher(
    {
      clock,
      silences,
      send: (messages) => void deliveries.add(messages.map((one) => messageOf(one, state))),
      changed: () => void file.save().catch((error: unknown) => tellUnsaved(log, error)),
    },
    kept.groups,
  )
  const alertmanagers = new AlertmanagerSender(clock, log)

  metrics.onAlerts((report) => {
    alertmanagers.take(recordsOf(report), report)
    dispatcher.take(report)
  })

  async function apply(next: AlertsState): Promise<void> {
    try {
      const isFirst = state === undefined
      state = next
      alertmanagers.configure(next.alertmanagers, next.externalUrl)
      dispatcher.configure(next)
      if (isFirst) deliveries.begin()
      problem = undefined
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error)
      problem = problemOfState(text)
      throw error
    }
  }

  const receiver = await openStateReceiver<AlertsState>({
    socketPath: stateSocket,
    log,
    apply,
    report: () => ({
      listeners: [],
      problems: [
        ...(problem === undefined ? [] : [problem]),
        ...problemsOfAlerts(deliveries.waiting, alertmanagers.health, dispatcher.droppedCount),
      ],
    }),
  })
  scope.onStop(clock.every(REPORT_MS, () => receiver.changed()))
  scope.onStop(async () => {
    await receiver.close()
    dispatcher.close()
    deliveries.close()
    await file.save().catch((error: unknown) => tellUnsaved(log, error))
  })
  const api: Alerts = {
    standings: () => dispatcher.standings(),
    silences: () => silences.list(),
    async silence({ id, ...asked }) {
      const silence = { ...asked, id: id ?? randomUUID() }
      silences.put(silence, clock.nowMs())
      await file.save()
      return silence
    },
    async endSilence(id) {
      if (!silences.end(id, clock.nowMs())) return false
      await file.save()
      return true
    },
    waiting: () => deliveries.waiting,
    deliveries: () => deliveries.lines,
    alertmanagers: () => alertmanagers.health,
    receivers: () =>
      (state?.receivers ?? []).map(({ name, notifiers }) => ({
        name,
        kinds: notifiers.map(({ kind }) => kind),
      })),
  }
  return { api, routes: [(app) => registerAlertRoutes(app, api, scope)] }
}

/** Control is told of problems so often. */
const REPORT_MS = 5_000

function messageOf(
  message: Omit<Delivery['notification'], never> & { readonly notifier: number },
  state: AlertsState | undefined,
): Pick<Delivery, 'id' | 'notification' | 'notifier' | 'kind'> {
  const { notifier, ...notification } = message
  const receiver = state?.receivers.find(({ name }) => name === notification.receiver)
  const kind = receiver?.notifiers[notifier]?.kind ?? ''
  return { id: randomUUID(), notification, notifier, kind }
}

function recordsOf({ alerts }: RuleReport) {
  return alerts.map((alert) => ({ ...alert, fingerprint: fingerprintOf(labelsOf(alert.labels)) }))
}

function problemOfState(text: string): ReportedProblem {
  return {
    severity: 'error',
    code: 'ERR_ALERTS_STATE',
    service: '',
    instance: '',
    text: `Nobody is told of alerts as the file says: ${text}`,
  }
}

function tellUnsaved(log: Log, error: unknown): void {
  log('error', 'the state of alerts cannot be written', { error })
}
