import type { SlackNotifier } from '../../../contracts/alerts-state.ts'
import type { Clock } from '../../../platform/capability.ts'
import { type AlertRecord, type Notification, statusOf } from '../alert-record.ts'
import { postJson } from './post-json.ts'
import { commonOf, sourceUrlOf, textOfAlert, titleOf } from './shared-labels.ts'

/** Alerts whose text a message has; Slack cuts long ones. */
const ALERTS_SHOWN_MAX = 20

/** Posts a message to an incoming webhook of Slack. Throws as `postJson`. */
export async function sendSlack(
  { url, channel, username }: SlackNotifier,
  notification: Notification,
  clock: Clock,
): Promise<void> {
  const body = {
    ...(channel === '' ? {} : { channel }),
    ...(username === '' ? {} : { username }),
    attachments: [slackAttachment(notification)],
  }
  await postJson({ url, headers: [] }, body, clock)
}

/** One attachment, red while something fires. */
export function slackAttachment(notification: Notification): object {
  const { alerts, truncatedCount, externalUrl } = notification
  const title = escapeSlack(titleOf(notification))
  const shown = alerts.slice(0, ALERTS_SHOWN_MAX)
  const left = alerts.length - shown.length + truncatedCount
  const lines = [
    ...shown.map((alert) => lineOf(alert, externalUrl)),
    ...(left > 0 ? [`and ${left} more`] : []),
  ]
  return {
    color: statusOf(notification) === 'firing' ? 'danger' : 'good',
    title,
    title_link: `${externalUrl}/#/alerts`,
    fallback: title,
    text: lines.join('\n'),
    fields: commonOf(alerts, 'labels')
      .filter(([name]) => name !== 'alertname')
      .map(([name, value]) => ({
        title: name,
        value: escapeSlack(value),
        short: value.length < 40,
      })),
    mrkdwn_in: ['text'],
  }
}

function lineOf(alert: AlertRecord, externalUrl: string): string {
  const mark = alert.endsAtMs === undefined ? '•' : '✓'
  return `${mark} ${escapeSlack(textOfAlert(alert))} <${sourceUrlOf(alert, externalUrl)}|why>`
}

/** Slack's three control characters. */
function escapeSlack(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
