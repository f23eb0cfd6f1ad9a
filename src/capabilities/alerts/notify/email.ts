import type { EmailNotifier, SmtpSettings } from '../../../contracts/alerts-state.ts'
import { DeliveryRefusedError } from '../deliver/delivery-errors.ts'
import { type Notification, statusOf } from '../alert-record.ts'
import { sourceUrlOf, textOfAlert, titleOf } from './shared-labels.ts'

const TIMEOUT_MS = 20_000

/** What a mail server said. */
interface SmtpFailure {
  readonly code?: string
  readonly responseCode?: number
  readonly response?: string
}

/** Sends a mail. Throws `DeliveryRefusedError` where the server refuses it for good (5xx), and otherwise an error that says why. */
export async function sendEmail(
  { to }: EmailNotifier,
  smtp: SmtpSettings,
  notification: Notification,
): Promise<void> {
  // Loaded with the first mail: most systems send none.
  const { createTransport } = await import('nodemailer')
  const transport = createTransport({
    host: smtp.host,
    port: smtp.port,
    secure: smtp.tls === 'implicit',
    requireTLS: smtp.tls === 'starttls',
    ignoreTLS: smtp.tls === 'off',
    ...(smtp.username === '' ? {} : { auth: { user: smtp.username, pass: smtp.password } }),
    connectionTimeout: TIMEOUT_MS,
    greetingTimeout: TIMEOUT_MS,
    socketTimeout: TIMEOUT_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
  })
  try {
    await transport.sendMail({
      from: smtp.from,
      to: [...to],
      subject: titleOf(notification),
      text: textOf(notification),
      headers: { 'X-Alert-Status': statusOf(notification), 'Auto-Submitted': 'auto-generated' },
    })
  } catch (error) {
    const { code, responseCode, response } = error as SmtpFailure
    const said =
      response === undefined
        ? `no mail can be sent (${code ?? 'failed'})`
        : `the mail server says ${response.slice(0, 200)}`
    // A wrong password may be repaired; a mail that is refused stays refused.
    const isRefused = responseCode !== undefined && responseCode >= 500 && code !== 'EAUTH'
    throw isRefused ? new DeliveryRefusedError(said, false) : new Error(said)
  } finally {
    transport.close()
  }
}

function textOf(notification: Notification): string {
  const { alerts, truncatedCount, externalUrl } = notification
  const parts = alerts.map((alert) => {
    const isFiring = alert.endsAtMs === undefined
    const since = new Date(alert.startsAtMs).toISOString()
    const until = isFiring ? '' : `, until ${new Date(alert.endsAtMs).toISOString()}`
    const labels = alert.labels.map(([name, value]) => `  ${name} = ${value}`)
    return [
      `${isFiring ? 'FIRING' : 'RESOLVED'} since ${since}${until}`,
      textOfAlert(alert),
      ...labels,
      `  why: ${sourceUrlOf(alert, externalUrl)}`,
    ].join('\n')
  })
  const more = truncatedCount === 0 ? [] : [`and ${truncatedCount} more alerts`]
  return `${[...parts, ...more, `All alerts: ${externalUrl}/#/alerts`].join('\n\n')}\n`
}
