import { parseHostPort } from '../../platform/config/addresses.ts'
import type { SettingPath, SettingProblem } from '../../platform/config/problems.ts'

interface Rule {
  readonly regex: string
}

interface Scraped {
  readonly relabel: readonly Rule[]
  readonly metricRelabel: readonly Rule[]
}

/** What the check looks at. */
export interface MetricsChecked {
  readonly metrics: {
    readonly jobs: readonly (Scraped & {
      readonly name: string
      readonly targets: readonly string[]
    })[]
    readonly remoteWrite: { readonly to: readonly { readonly url: unknown }[] }
    readonly retention: { readonly rules: readonly { readonly match: string }[] }
  }
  readonly services: Readonly<Record<string, { readonly metrics?: unknown }>>
}

/** Addresses, selectors and expressions that no schema can judge. */
export function checkMetrics({ metrics, services }: MetricsChecked): readonly SettingProblem[] {
  return [
    ...metrics.jobs.flatMap((job, index) => {
      const path = ['metrics', 'jobs', index]
      return [...checkTargets(job.targets, path), ...checkRules(job, path)]
    }),
    ...metrics.remoteWrite.to.flatMap(({ url }, index) => {
      if (typeof url !== 'string' || /^https?:\/\/[^/]/.test(url)) return []
      const path = ['metrics', 'remoteWrite', 'to', index, 'url']
      const message = 'must be a URL such as https://prometheus.example/api/v1/write'
      return [{ path, code: 'ERR_CONFIG_VALUE_INVALID', message }]
    }),
    ...metrics.retention.rules.flatMap(({ match }, index) =>
      checkSelector(match, ['metrics', 'retention', 'rules', index, 'match']),
    ),
    ...Object.entries(services).flatMap(([name, { metrics: of }]) =>
      typeof of === 'object' && of !== null
        ? checkRules(of as Scraped, ['services', name, 'metrics'])
        : [],
    ),
  ]
}

function checkTargets(targets: readonly string[], path: SettingPath): readonly SettingProblem[] {
  return targets.flatMap((target, index) => {
    if (parseHostPort(target) !== undefined) return []
    const message = `must be host:port, such as 10.0.0.5:9100; is ${target}`
    return [{ path: [...path, 'targets', index], code: 'ERR_CONFIG_VALUE_INVALID', message }]
  })
}

function checkRules(scraped: Scraped, path: SettingPath): readonly SettingProblem[] {
  return (['relabel', 'metricRelabel'] as const).flatMap((kind) =>
    scraped[kind].flatMap(({ regex }, index) => {
      const problem = problemOfPattern(regex)
      if (problem === undefined) return []
      const message = `is no regular expression: ${problem}`
      return [{ path: [...path, kind, index, 'regex'], code: 'ERR_CONFIG_VALUE_INVALID', message }]
    }),
  )
}

/** RE2 itself is too slow to load at every start: what JavaScript cannot read either is found here, the rest is told by telemetry. */
function problemOfPattern(source: string): string | undefined {
  try {
    RegExp(source.replaceAll(/\(\?[imsU-]+\)/g, '').replaceAll('(?P<', '(?<'))
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function checkSelector(match: string, path: SettingPath): readonly SettingProblem[] {
  if (/^(?:[a-zA-Z_:][\w:]*(?:\{.*\})?|\{.+\})$/s.test(match)) return []
  const message = `must be a selector such as {job="api"}; is ${match}`
  return [{ path, code: 'ERR_CONFIG_VALUE_INVALID', message }]
}
