import type { ResilienceEvent } from '../../../../src/contracts/resilience.ts'
import type { ServiceSpec } from '../../../../src/contracts/snapshot.ts'
import { formatDuration, formatShare } from '../../format.ts'

/** One policy in force, in words. */
export interface PolicyLine {
  readonly name: string
  readonly text: string
}

/** What holds for every caller of a service, in the order in which a request meets it. */
export function policyLines(spec: ServiceSpec): readonly PolicyLine[] {
  return [
    {
      name: 'Deadlines',
      text: `${ms(spec.timeoutMs)} in all, ${ms(spec.attemptTimeoutMs)} an attempt, ${ms(spec.connectTimeoutMs)} to connect`,
    },
    { name: 'Breaker', text: breakerText(spec) },
    { name: 'Concurrency', text: concurrencyText(spec) },
    { name: 'Balancing', text: spec.balance.algorithm },
    { name: 'Retries', text: retryText(spec) },
    {
      name: 'Hedging',
      text:
        spec.hedge === undefined
          ? 'off'
          : `after ${formatShare(spec.hedge.quantile)} of the answers usually have come`,
    },
    { name: 'Ejection', text: ejectionText(spec) },
    { name: 'Fallback', text: fallbackText(spec) },
  ]
}

function ms(value: number): string {
  return value < 1_000 ? `${value} ms` : formatDuration(value)
}

function breakerText({ breaker }: ServiceSpec): string {
  if (breaker === undefined || breaker.scope === 'off') return 'off'
  const shares = [
    ...(breaker.failureRatio <= 1 ? [`${formatShare(breaker.failureRatio)} fail`] : []),
    ...(breaker.slowRatio <= 1
      ? [`${formatShare(breaker.slowRatio)} take more than ${ms(breaker.slowMs)}`]
      : []),
  ]
  const window =
    breaker.window.kind === 'time'
      ? `within ${ms(breaker.window.ms)}`
      : `of the last ${breaker.window.size}`
  const whose = breaker.scope === 'both' ? 'service and instances' : breaker.scope
  return `of ${whose}: opens when ${shares.join(' or ')} ${window}, ${breaker.callsMin} calls at least, for ${ms(breaker.openMs)} to ${ms(breaker.openMsMax)}`
}

function concurrencyText({ concurrency }: ServiceSpec): string {
  if (concurrency === undefined) return 'as many as come'
  const queue = `queue of ${concurrency.queueMax} a worker, ${ms(concurrency.queueMs)} at most`
  switch (concurrency.algorithm) {
    case 'auto':
      return `as many as come until it is overloaded; then ${queue}`
    case 'fixed':
      return `${concurrency.max} in flight; ${queue}`
    case 'aimd':
    case 'gradient2':
      return `${concurrency.algorithm}, ${concurrency.min} to ${concurrency.max} in flight; ${queue}`
    default:
      return concurrency.algorithm satisfies never
  }
}

function retryText({ retry }: ServiceSpec): string {
  if (retry.attempts === 0) return 'none'
  const on = (retry.on ?? []).join(', ')
  return `${retry.attempts} further attempts on ${on}; ${formatShare(retry.budgetRatio)} of the requests, ${retry.reservePerSecond}/s at least`
}

function ejectionText({ ejection, outliers }: ServiceSpec): string {
  const row = ejection.failures === 0 ? [] : [`${ejection.failures} failures in a row`]
  const slower =
    outliers === undefined || outliers.latencyFactor === 0
      ? []
      : [`${outliers.latencyFactor} times the latency of the others`]
  const causes = [...row, ...slower]
  if (causes.length === 0) return 'off'
  return `${causes.join(' or ')}; ${ms(ejection.baseMs)} to ${ms(ejection.maxMs)}, at most ${formatShare(ejection.shareMax)} of the instances`
}

function fallbackText({ fallback }: ServiceSpec): string {
  if (fallback === undefined) return 'none'
  const { service, stale, answer } = fallback
  const parts = [
    ...(service === '' ? [] : [`the service ${service}`]),
    ...(stale === undefined ? [] : [`the last answer, up to ${ms(stale.ageMsMax)} old`]),
    ...(answer === undefined ? [] : [`a fixed answer ${answer.status}`]),
  ]
  return parts.join(', then ')
}

/** A part of the timeline in which something was not as it should be. */
export interface Span {
  /** '' for the service as a whole. */
  readonly instance: string
  readonly kind: 'open' | 'half-open' | 'ejected' | 'overloaded'
  readonly fromMs: number
  /** Infinity: it goes on. */
  readonly untilMs: number
  readonly because: string
}

/** What a history says, as spans; `events` are newest first. What began before the history is not known. */
export function spansOf(events: readonly ResilienceEvent[]): readonly Span[] {
  const spans: Span[] = []
  const open = new Map<string, Span>()
  for (const event of events.toReversed()) {
    const { atMs, instance, kind, because } = event
    if (kind === 'ejected') {
      spans.push({ instance, kind, fromMs: atMs, untilMs: atMs + (event.forMs ?? 0), because })
      continue
    }
    const isLoad = kind === 'overloaded' || kind === 'relieved'
    const key = `${isLoad ? 'load' : 'breaker'} ${instance}`
    const before = open.get(key)
    if (before !== undefined) spans.push({ ...before, untilMs: atMs })
    open.delete(key)
    if (kind === 'closed' || kind === 'relieved') continue
    const begun = kind === 'opened' ? 'open' : kind
    open.set(key, { instance, kind: begun, fromMs: atMs, untilMs: Infinity, because })
  }
  return [...spans, ...open.values()].toSorted((a, b) => a.fromMs - b.fromMs)
}
