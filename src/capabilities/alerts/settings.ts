import { z } from 'zod'
import { filled } from '../../platform/config/names.ts'
import type { SettingsPart } from '../../platform/config/part.ts'
import type { SettingProblem } from '../../platform/config/problems.ts'
import { duration } from '../../platform/config/units.ts'
import { sloShape } from './slo/slo-settings.ts'
import { checkAlerts } from './check-settings.ts'
import { notifyShape } from './notify-settings.ts'

/** Labels and annotations of one rule. */
const texts = () => z.record(filled(), z.string()).default({})

const rule = z.strictObject({
  alert: filled()
    .optional()
    .describe('Name of an alert: each element that the query answers is one.'),
  record: filled()
    .optional()
    .describe('Name of a metric under which the answer of the query is stored.'),
  query: filled().describe('PromQL.'),
  for: duration({ min: '0s', max: '30d' })
    .prefault('0s')
    .describe('An alert fires when it was there for so long.'),
  keepFiringFor: duration({ min: '0s', max: '30d' })
    .prefault('0s')
    .describe('An alert goes on firing for so long after it was there last.'),
  labels: texts().describe('Labels that are added; of an alert they may be templates.'),
  annotations: texts().describe(
    'What people are told of an alert, as templates: {{ $labels.service }}, {{ $value | humanize }}.',
  ),
})

const alerts = z
  .strictObject({
    defaults: z
      .boolean()
      .default(true)
      .describe(
        'Every service gets alerts of its own: it fails, is slower than it was, uses a whole core, refuses requests, crashes, is gone.',
      ),
    interval: duration({ min: '1s', max: '1h' })
      .prefault('15s')
      .describe('Rules are evaluated so often that say nothing else.'),
    rules: z.array(rule).max(10_000).default([]).describe('Rules of this file.'),
    files: z
      .array(filled())
      .max(1_000)
      .default([])
      .describe(
        'Rule files of Prometheus, relative to this file; a star stands for any part of a name. One that changes is read again.',
      ),
    ...notifyShape(),
    url: z
      .url({ protocol: /^https?$/ })
      .optional()
      .describe(
        'Where people reach the console, for links in alerts; default: http:// and the address of its listener.',
      ),
  })
  .prefault({})
  .describe('Alerts: what is wrong, and who is told.')

const service = {
  slo: sloShape(),
  alerts: z
    .enum(['on', 'off'])
    .default('on')
    .describe('off: none of the alerts that every service gets.'),
}

/** The section as it is read. */
export type AlertsSettings = z.output<typeof alerts>

/** The part of `backplane.yaml` that says what is wrong, and who is told. */
export const alertsSettings = {
  sections: { alerts },
  service,
  check: checkAlerts,
  /** Rules are read as when they are put into force: expressions, templates and rule files. */
  async inspect(settings: { readonly alerts: AlertsSettings }, folder: string) {
    const { loadRules } = await import('./control/load-rules.ts')
    const { problems } = await loadRules(settings.alerts, folder)
    const at = { path: ['alerts'], code: 'ERR_ALERTS_RULES' } as const
    return problems.map((message): SettingProblem => ({ ...at, message }))
  },
} as const satisfies SettingsPart
