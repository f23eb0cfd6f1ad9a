import type { InhibitSpec } from '../mechanisms/alert-routing/inhibit.ts'
import type { RouteSpec } from '../mechanisms/alert-routing/route.ts'

/** What control tells telemetry of alerts: who is told, when, and how. It has secrets: it travels on a socket of our user only. */
export interface AlertsState {
  /** Where people find the console, without a slash at its end. */
  readonly externalUrl: string
  readonly route: RouteSpec | undefined
  readonly inhibit: readonly InhibitSpec[]
  readonly receivers: readonly Receiver[]
  readonly alertmanagers: readonly AlertmanagerTarget[]
  readonly smtp: SmtpSettings | undefined
}

/** Somebody who is told. */
export interface Receiver {
  readonly name: string
  readonly notifiers: readonly Notifier[]
}

/** A way in which somebody is told. */
export type Notifier = WebhookNotifier | SlackNotifier | EmailNotifier

/** Alertmanager's message, posted as JSON. */
export interface WebhookNotifier {
  readonly kind: 'webhook'
  readonly url: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly sendsResolved: boolean
}

/** An incoming webhook of Slack, or of what speaks like it. */
export interface SlackNotifier {
  readonly kind: 'slack'
  readonly url: string
  /** '' where the webhook decides. */
  readonly channel: string
  readonly username: string
  readonly sendsResolved: boolean
}

/** A mail. */
export interface EmailNotifier {
  readonly kind: 'email'
  readonly to: readonly string[]
  readonly sendsResolved: boolean
}

/** A real Alertmanager, which is told of every alert, as by Prometheus. */
export interface AlertmanagerTarget {
  /** Without a slash at its end. */
  readonly url: string
  readonly headers: readonly (readonly [name: string, value: string])[]
}

/** The mail server. */
export interface SmtpSettings {
  readonly host: string
  readonly port: number
  readonly from: string
  /** '' for none. */
  readonly username: string
  readonly password: string
  /** `starttls` refuses to go on without; `implicit` from the first byte on. */
  readonly tls: 'starttls' | 'implicit' | 'off'
}
