/** An alert as it is kept, told and shown. Times are Unix milliseconds. */
export interface AlertRecord {
  /** 16 hexadecimal digits, Prometheus' fingerprint of the labels. */
  readonly fingerprint: string
  readonly labels: readonly (readonly [string, string])[]
  readonly annotations: readonly (readonly [string, string])[]
  readonly startsAtMs: number
  /** Undefined while it fires. */
  readonly endsAtMs: number | undefined
  readonly value: number
  readonly expr: string
}

/** What a receiver is told: the alerts of one group. */
export interface Notification {
  /** Equal for all messages of a group. */
  readonly groupKey: string
  readonly receiver: string
  readonly groupLabels: readonly (readonly [string, string])[]
  readonly alerts: readonly AlertRecord[]
  /** Alerts that were left out, because a message has only so many. */
  readonly truncatedCount: number
  readonly externalUrl: string
}

/** Whether anything of it fires. */
export function statusOf({ alerts }: Pick<Notification, 'alerts'>): 'firing' | 'resolved' {
  return alerts.some(({ endsAtMs }) => endsAtMs === undefined) ? 'firing' : 'resolved'
}
