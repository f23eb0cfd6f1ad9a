import type { ReportedProblem } from '../../contracts/state.ts'
import type { Delivery } from './deliver/deliveries.ts'
import type { AlertmanagerHealth } from './notify/alertmanager.ts'

/** Attempts after which a message that waits is a problem. */
const ATTEMPTS_QUIET = 3

/** What is wrong with telling people of alerts. */
export function problemsOfAlerts(
  waiting: readonly Delivery[],
  alertmanagers: readonly AlertmanagerHealth[],
  droppedCount: number,
): readonly ReportedProblem[] {
  const failing = new Map(
    waiting
      .filter(({ attempts }) => attempts >= ATTEMPTS_QUIET)
      .map((one) => [`${one.notification.receiver} ${one.kind}`, one] as const),
  )
  return [
    ...[...failing].map(([key, { error, attempts }]) =>
      problemOf(
        'warning',
        'ERR_ALERTS_DELIVERY',
        key,
        `${key} cannot be told of alerts since ${attempts} attempts: ${error}`,
      ),
    ),
    ...alertmanagers
      .filter(({ error }) => error !== '')
      .map(({ host, error }) =>
        problemOf(
          'warning',
          'ERR_ALERTS_DELIVERY',
          host,
          `The Alertmanager at ${host} cannot be told of alerts: ${error}`,
        ),
      ),
    ...(droppedCount === 0
      ? []
      : [
          problemOf(
            'error',
            'ERR_ALERTS_TOO_MANY',
            '',
            `${droppedCount} alerts were not told, because there are too many at the same time: aggregate the rules by the labels that matter.`,
          ),
        ]),
  ]
}

function problemOf(
  severity: ReportedProblem['severity'],
  code: string,
  key: string,
  text: string,
): ReportedProblem {
  return { severity, code, service: '', instance: '', key, text }
}
