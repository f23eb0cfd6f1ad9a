import type { WebhookNotifier } from '../../../contracts/alerts-state.ts'
import type { Clock } from '../../../platform/capability.ts'
import { type AlertRecord, type Notification, statusOf } from '../alert-record.ts'
import { postJson } from './post-json.ts'
import { commonOf, sourceUrlOf } from './shared-labels.ts'

/** A time that is not known, as Go writes it. */
const NEVER = '0001-01-01T00:00:00Z'

/** Posts a message as Alertmanager does (webhook_config, version 4). Throws as `postJson`. */
export async function sendWebhook(
  { url, headers }: WebhookNotifier,
  notification: Notification,
  clock: Clock,
): Promise<void> {
  await postJson({ url, headers }, webhookBody(notification), clock)
}

/** The message in Alertmanager's shape. */
export function webhookBody(notification: Notification): object {
  const { groupKey, receiver, groupLabels, alerts, truncatedCount, externalUrl } = notification
  return {
    version: '4',
    groupKey,
    truncatedAlerts: truncatedCount,
    status: statusOf(notification),
    receiver,
    groupLabels: Object.fromEntries(groupLabels),
    commonLabels: Object.fromEntries(commonOf(alerts, 'labels')),
    commonAnnotations: Object.fromEntries(commonOf(alerts, 'annotations')),
    externalURL: externalUrl,
    alerts: alerts.map((alert) => ({
      status: alert.endsAtMs === undefined ? 'firing' : 'resolved',
      ...alertBody(alert, externalUrl),
      endsAt: alert.endsAtMs === undefined ? NEVER : new Date(alert.endsAtMs).toISOString(),
      fingerprint: alert.fingerprint,
    })),
  }
}

/** What all shapes of Alertmanager have of an alert. */
export function alertBody(alert: AlertRecord, externalUrl: string): object {
  return {
    labels: Object.fromEntries(alert.labels),
    annotations: Object.fromEntries(alert.annotations),
    startsAt: new Date(alert.startsAtMs).toISOString(),
    generatorURL: sourceUrlOf(alert, externalUrl),
  }
}
