import type { AlertsState } from '../../../contracts/alerts-state.ts'
import type { Clock } from '../../../platform/capability.ts'
import type { Delivery } from '../deliver/deliveries.ts'
import { DeliveryRefusedError } from '../deliver/delivery-errors.ts'
import { sendEmail } from './email.ts'
import { sendSlack } from './slack.ts'
import { sendWebhook } from './webhook.ts'

/** Hands a message to its notifier, as it is configured now. Throws as the notifier does, and `DeliveryRefusedError` where there is none any more. */
export async function sendToNotifier(
  { notification, notifier: place, kind }: Pick<Delivery, 'notification' | 'notifier' | 'kind'>,
  state: AlertsState | undefined,
  clock: Clock,
): Promise<void> {
  const receiver = state?.receivers.find(({ name }) => name === notification.receiver)
  const notifier = receiver?.notifiers[place]
  if (notifier === undefined || notifier.kind !== kind) {
    throw new DeliveryRefusedError('the file does not have this receiver any more', false)
  }
  switch (notifier.kind) {
    case 'webhook':
      return sendWebhook(notifier, notification, clock)
    case 'slack':
      return sendSlack(notifier, notification, clock)
    case 'email': {
      if (state?.smtp === undefined) throw new DeliveryRefusedError('alerts.smtp is missing', false)
      return sendEmail(notifier, state.smtp, notification)
    }
  }
}
