import { send } from './actions.ts'

/** An alert that fires, as `GET /api/v1/alerts` tells it. */
export interface AlertView {
  readonly fingerprint: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly startsAtMs: number
  readonly value: string
  readonly expr: string
  readonly silencedBy: readonly string[]
  /** Fingerprint of another alert; '' for none. */
  readonly inhibitedBy: string
  readonly receivers: readonly string[]
}

/** The answer of `GET /api/v1/alerts`. */
export interface AlertList {
  readonly alerts: readonly AlertView[]
  readonly receivers: readonly { readonly name: string; readonly kinds: readonly string[] }[]
  readonly alertmanagers: readonly { readonly host: string; readonly error: string }[]
}

/** A silence. */
export interface SilenceView {
  readonly id: string
  readonly matchers: readonly string[]
  readonly startsAtMs: number
  readonly endsAtMs: number
  readonly createdBy: string
  readonly comment: string
  readonly state: 'active' | 'pending' | 'expired'
}

/** A message that waits, or what became of one. */
export interface DeliveryView {
  readonly id: string
  readonly atMs: number
  readonly receiver: string
  readonly kind: string
  readonly groupKey: string
  readonly status: 'firing' | 'resolved'
  readonly alertCount: number
  readonly attempts: number
  readonly error: string
  /** Missing while it waits. */
  readonly outcome?: 'delivered' | 'given-up'
  readonly nextAtMs?: number
}

/** Alerts that fire. Throws `ActionError`. */
export async function loadAlerts(): Promise<AlertList> {
  return (await send('GET', '/api/v1/alerts')) as AlertList
}

/** Silences, the newest first. Throws `ActionError`. */
export async function loadSilences(): Promise<readonly SilenceView[]> {
  const { silences } = (await send('GET', '/api/v1/alerts/silences')) as {
    readonly silences: readonly SilenceView[]
  }
  return silences
}

/** Messages: those that wait, then those that are done. Throws `ActionError`. */
export async function loadDeliveries(): Promise<readonly DeliveryView[]> {
  const { waiting, done } = (await send('GET', '/api/v1/alerts/deliveries')) as {
    readonly waiting: readonly DeliveryView[]
    readonly done: readonly DeliveryView[]
  }
  return [...waiting, ...done]
}

/** Makes a silence. Throws `ActionError`. */
export async function makeSilence(
  silence: Pick<SilenceView, 'matchers' | 'endsAtMs' | 'createdBy' | 'comment'>,
): Promise<void> {
  await send('POST', '/api/v1/alerts/silences', silence)
}

/** Ends a silence. Throws `ActionError`. */
export async function endSilence(id: string): Promise<void> {
  await send('DELETE', `/api/v1/alerts/silences/${encodeURIComponent(id)}`)
}
