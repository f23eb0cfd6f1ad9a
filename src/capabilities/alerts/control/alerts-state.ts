import type { AlertsState, Notifier, Receiver } from '../../../contracts/alerts-state.ts'
import { parseMatcherText } from '../../../mechanisms/alert-routing/matcher-text.ts'
import type { RouteSpec } from '../../../mechanisms/alert-routing/route.ts'
import type { AlertsSettings } from '../settings.ts'

type Said = Pick<AlertsSettings, 'receivers' | 'route' | 'inhibit' | 'alertmanagers' | 'smtp'>
type RouteSaid = Said['route']['routes'][number]['routes'][number] & {
  readonly routes?: Said['route']['routes'][number]['routes']
}
type Inherited = Pick<
  RouteSpec,
  'receiver' | 'groupBy' | 'groupWaitMs' | 'groupIntervalMs' | 'repeatIntervalMs'
>

/** What a route says that nobody has said anything of; Alertmanager's times. */
const DEFAULT_ROUTE: Inherited = {
  receiver: '',
  groupBy: ['alertname', 'service'],
  groupWaitMs: 30_000,
  groupIntervalMs: 300_000,
  repeatIntervalMs: 4 * 3_600_000,
}

/** What telemetry is told of alerts, from checked settings with their secrets. */
export function alertsStateOf(said: Said, externalUrl: string): AlertsState {
  const receivers = Object.entries(said.receivers).map(([name, one]): Receiver => ({
    name,
    notifiers: notifiersOf(one),
  }))
  const { smtp } = said
  return {
    externalUrl,
    receivers,
    route: receivers.length === 0 ? undefined : rootOf(said.route, receivers[0]?.name ?? ''),
    inhibit: said.inhibit.map(({ source, target, equal }) => ({
      source: source.map(parseMatcherText),
      target: target.map(parseMatcherText),
      equal,
    })),
    alertmanagers: said.alertmanagers.map(({ url, headers }) => ({
      url: url.replace(/\/+$/, ''),
      headers: pairsOf(headers),
    })),
    smtp: smtp === undefined ? undefined : { ...smtp, password: textOf(smtp.password) },
  }
}

function notifiersOf({ webhook, slack, email }: Said['receivers'][string]): readonly Notifier[] {
  const all: Notifier[] = []
  if (webhook !== undefined) {
    const { url, headers, resolved: sendsResolved } = webhook
    all.push({ kind: 'webhook', url: textOf(url), headers: pairsOf(headers), sendsResolved })
  }
  if (slack !== undefined) {
    const { url, channel, username, resolved: sendsResolved } = slack
    all.push({ kind: 'slack', url: textOf(url), channel, username, sendsResolved })
  }
  if (email !== undefined) {
    all.push({ kind: 'email', to: email.to, sendsResolved: email.resolved })
  }
  return all
}

function rootOf(said: Said['route'], first: string): RouteSpec {
  return routeOf({ ...said, match: [], continue: false }, { ...DEFAULT_ROUTE, receiver: first })
}

/** What a route does not say is as in the one above. */
function routeOf(said: RouteSaid, above: Inherited): RouteSpec {
  const own: Inherited = {
    receiver: said.receiver ?? above.receiver,
    groupBy: said.groupBy ?? above.groupBy,
    groupWaitMs: said.groupWait ?? above.groupWaitMs,
    groupIntervalMs: said.groupInterval ?? above.groupIntervalMs,
    repeatIntervalMs: said.repeatInterval ?? above.repeatIntervalMs,
  }
  return {
    ...own,
    matchers: said.match.map(parseMatcherText),
    continues: said.continue,
    routes: (said.routes ?? []).map((route) => routeOf(route, own)),
  }
}

function pairsOf(
  headers: Readonly<Record<string, unknown>>,
): readonly (readonly [string, string])[] {
  return Object.entries(headers).map(([name, value]) => [name, textOf(value)])
}

/** The loader has resolved secrets: they are texts. */
function textOf(secret: unknown): string {
  return typeof secret === 'string' ? secret : ''
}
