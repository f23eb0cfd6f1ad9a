import { MatcherTextError, parseMatcherText } from '../../mechanisms/alert-routing/matcher-text.ts'
import type { SettingPath, SettingProblem } from '../../platform/config/problems.ts'

import { checkSlos, type SloSaid } from './slo/slo-settings.ts'

interface RouteLooked {
  readonly receiver?: string | undefined
  readonly match?: readonly string[]
  readonly routes?: readonly RouteLooked[]
}

/** What the check looks at. */
export interface AlertsChecked {
  readonly alerts: {
    readonly rules: readonly {
      readonly alert?: string | undefined
      readonly record?: string | undefined
      readonly for: number
      readonly keepFiringFor: number
      readonly annotations: Readonly<Record<string, string>>
    }[]
    readonly receivers: Readonly<
      Record<
        string,
        { readonly webhook?: unknown; readonly slack?: unknown; readonly email?: unknown }
      >
    >
    readonly route: RouteLooked
    readonly inhibit: readonly {
      readonly source: readonly string[]
      readonly target: readonly string[]
    }[]
    readonly smtp?: unknown
  }
  readonly services: Readonly<Record<string, { readonly slo?: SloSaid | undefined }>>
}

/** What no schema can judge. Expressions and templates are read by `backplane check` and when rules are put into force. */
export function checkAlerts({ alerts, services }: AlertsChecked): readonly SettingProblem[] {
  return [
    ...checkRules(alerts),
    ...checkSlos(services),
    ...checkReceivers(alerts),
    ...checkRoute(alerts.route, ['alerts', 'route'], new Set(Object.keys(alerts.receivers))),
    ...alerts.inhibit.flatMap(({ source, target }, index) => [
      ...checkMatchers(source, ['alerts', 'inhibit', index, 'source']),
      ...checkMatchers(target, ['alerts', 'inhibit', index, 'target']),
    ]),
  ]
}

function checkReceivers({ receivers, smtp }: AlertsChecked['alerts']): readonly SettingProblem[] {
  return Object.entries(receivers).flatMap(([name, { webhook, slack, email }]) => {
    const path = ['alerts', 'receivers', name]
    if (webhook === undefined && slack === undefined && email === undefined) {
      return [invalid(path, 'must have webhook, slack or email')]
    }
    return email !== undefined && smtp === undefined
      ? [invalid([...path, 'email'], 'needs alerts.smtp, which says how mails are sent')]
      : []
  })
}

function checkRoute(
  route: RouteLooked,
  path: SettingPath,
  receivers: ReadonlySet<string>,
): readonly SettingProblem[] {
  const { receiver } = route
  const isKnown = receiver === undefined || receivers.has(receiver)
  const known = receivers.size === 0 ? 'there is none' : `known are ${[...receivers].join(', ')}`
  return [
    ...(isKnown
      ? []
      : [invalid([...path, 'receiver'], `names no receiver of alerts.receivers; ${known}`)]),
    ...checkMatchers(route.match ?? [], [...path, 'match']),
    ...(route.routes ?? []).flatMap((child, index) =>
      checkRoute(child, [...path, 'routes', index], receivers),
    ),
  ]
}

function checkMatchers(texts: readonly string[], path: SettingPath): readonly SettingProblem[] {
  return texts.flatMap((text, index) => {
    try {
      const { kind, value } = parseMatcherText(text)
      // The expression is compiled where it is used; what JavaScript cannot read either is found here.
      if (kind === '=~' || kind === '!~') RegExp(value)
      return []
    } catch (error) {
      const isText = error instanceof MatcherTextError
      const reason = error instanceof Error ? error.message : String(error)
      return [
        invalid(
          [...path, index],
          isText ? `is wrong: ${reason}` : `is no regular expression: ${reason}`,
        ),
      ]
    }
  })
}

function invalid(path: SettingPath, message: string): SettingProblem {
  return { path, code: 'ERR_CONFIG_VALUE_INVALID', message }
}

function checkRules(alerts: AlertsChecked['alerts']): readonly SettingProblem[] {
  return alerts.rules.flatMap((rule, index) => {
    const path: SettingPath = ['alerts', 'rules', index]
    if ((rule.alert === undefined) === (rule.record === undefined)) {
      return [invalid(path, 'must have either alert or record')]
    }
    const isRecording = rule.record !== undefined
    const isTimed = rule.for > 0 || rule.keepFiringFor > 0
    return isRecording && (isTimed || Object.keys(rule.annotations).length > 0)
      ? [invalid(path, 'has record: for, keepFiringFor and annotations belong to alerts')]
      : []
  })
}
