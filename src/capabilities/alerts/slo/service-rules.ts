import type { AlertingRule, Pairs, Rule } from '../../../mechanisms/alert-rules/rules.ts'

/** Share of requests that fail, above which a service fails. */
const ERROR_RATIO = 0.05
/** Fewer failed requests in five minutes are no alert: one of two is half of them, and says little. */
const ERRORS_MIN = 5
const SECOND_MS = 1_000
const MINUTE_MS = 60 * SECOND_MS

/**
 * What every service gets without being asked: it fails, it has become slow, its processes are at their limit, they crash again and again.
 * `quiet` are services that want none of them. A calm system fires none: each needs several bad things over a while.
 */
export function serviceRules(quiet: readonly string[]): readonly Rule[] {
  const of = quiet.length === 0 ? 'service!=""' : `service!="",service!~"${quiet.join('|')}"`
  return [
    errorRule(of),
    latencyRule(of),
    saturationRule(of),
    overloadRule(of),
    crashRule(of),
    goneRule(of),
  ]
}

function errorRule(of: string): AlertingRule {
  const failed = `sum by (service) (rate(backplane_gateway_requests_total{${of},status="5xx"}[5m]))`
  const all = `sum by (service) (rate(backplane_gateway_requests_total{${of}}[5m]))`
  return alertOf(
    'ServiceFails',
    `${failed} / ${all} > ${ERROR_RATIO} and ${failed} * 300 >= ${ERRORS_MIN}`,
    {
      forMs: MINUTE_MS,
      severity: 'page',
      summary: '{{ $labels.service }}: {{ $value | humanizePercentage }} of its requests fail',
      description:
        'Share of the requests of the last five minutes that were answered with 5xx, by the service or for it.',
    },
  )
}

/** Long polls and streams are slow and well: what counts is that a service is slower than it was. */
function latencyRule(of: string): AlertingRule {
  const quantile = (range: string) =>
    `histogram_quantile(0.95, sum by (service, le) (rate(backplane_gateway_request_duration_seconds_bucket{${of}}${range})))`
  const rate = `sum by (service) (rate(backplane_gateway_request_duration_seconds_count{${of}}[5m]))`
  return alertOf(
    'ServiceSlow',
    `${quantile('[5m]')} > 1 and ${quantile('[5m]')} > 3 * ${quantile('[1h] offset 10m')} and ${rate} > 0.1`,
    {
      forMs: 5 * MINUTE_MS,
      severity: 'ticket',
      summary:
        '{{ $labels.service }}: one request of twenty takes longer than {{ $value | humanizeDuration }}',
      description:
        'The 95th percentile of the last five minutes is above a second, and three times as much as in the hour before.',
    },
  )
}

function saturationRule(of: string): AlertingRule {
  return alertOf(
    'ServiceSaturated',
    `max by (service) (rate(backplane_processes_cpu_seconds_total{${of}}[5m])) > 0.95`,
    {
      forMs: 10 * MINUTE_MS,
      severity: 'ticket',
      summary:
        '{{ $labels.service }}: an instance uses {{ $value | humanizePercentage }} of a core',
      description:
        'An instance has used a whole core for fifteen minutes: requests wait for it. More instances help, or less work.',
    },
  )
}

/** The gateway refuses requests, because the service has as many as it may have. */
function overloadRule(of: string): AlertingRule {
  const reasons = 'ERR_GATEWAY_OVERLOADED|ERR_GATEWAY_PENDING_FULL'
  return alertOf(
    'ServiceOverloaded',
    `sum by (service) (rate(backplane_gateway_own_answers_total{${of},reason=~"${reasons}"}[5m])) > 0.1`,
    {
      forMs: 2 * MINUTE_MS,
      severity: 'page',
      summary: '{{ $labels.service }}: {{ printf "%.1f" $value }} requests a second are refused',
      description:
        'It has as many requests as its limits allow, and the gateway answers 503 for it.',
    },
  )
}

function crashRule(of: string): AlertingRule {
  return alertOf(
    'ServiceCrashes',
    `sum by (service) (increase(backplane_processes_restarts_total{${of}}[10m])) >= 3`,
    {
      forMs: 0,
      severity: 'page',
      summary: '{{ $labels.service }}: crashed {{ printf "%.0f" $value }} times in ten minutes',
      description: 'Its processes end and are started again; their last lines of output say why.',
    },
  )
}

/** Requests come, and nobody is there to answer: the gateway says so itself. */
function goneRule(of: string): AlertingRule {
  const refused = `sum by (service) (rate(backplane_gateway_own_answers_total{${of},reason="ERR_GATEWAY_NO_INSTANCE"}[1m]))`
  return alertOf(
    'ServiceGone',
    `${refused} > 0 and on (service) backplane_discovery_routable_instances == 0`,
    {
      forMs: 30 * SECOND_MS,
      severity: 'page',
      summary: '{{ $labels.service }}: nobody is there to answer',
      description: 'No instance is in rotation, and requests come.',
    },
  )
}

interface AlertText {
  readonly forMs: number
  readonly severity: 'page' | 'ticket'
  readonly summary: string
  readonly description: string
}

/** An alert of our own, with the labels and annotations that all of them have. */
export function alertOf(
  alert: string,
  expr: string,
  { forMs, severity, summary, description }: AlertText,
): AlertingRule {
  const labels: Pairs = [['severity', severity]]
  const annotations: Pairs = [
    ['summary', summary],
    ['description', description],
  ]
  return { kind: 'alerting', alert, expr, forMs, keepFiringForMs: 0, labels, annotations }
}
