import type { SourceOf } from '../../platform/config/load.ts'
import type { SettingPath, SettingProblem } from '../../platform/config/problems.ts'
import { formatDurationMs } from '../../platform/config/units.ts'
import type { ResilienceSettings } from './resilience-settings.ts'

/** Settings of one service that contradict each other. `path` is that of its `resilience`. */
export function checkResilience(
  settings: ResilienceSettings,
  path: SettingPath,
  sourceOf: SourceOf,
): readonly SettingProblem[] {
  return [
    ...checkOrder(settings.ejection, 'base', 'max', [...path, 'ejection']),
    ...checkOrder(settings.breaker, 'open', 'openMax', [...path, 'breaker']),
    ...checkOrder(settings.retry, 'wait', 'waitMax', [...path, 'retry']),
    ...checkDeadlines(settings, path, sourceOf),
    ...checkBreaker(settings, [...path, 'breaker']),
    ...checkHedge(settings, [...path, 'hedge']),
    ...checkConcurrency(settings, [...path, 'concurrency']),
    ...checkFallback(settings, [...path, 'fallback']),
  ]
}

/** A first time that is longer than the longest. */
function checkOrder<Name extends string>(
  settings: Readonly<Record<Name, number>>,
  first: Name,
  longest: Name,
  path: SettingPath,
): readonly SettingProblem[] {
  if (settings[first] <= settings[longest]) return []
  const message = `must not be above ${longest}; is ${formatDurationMs(settings[first])}, and ${longest} is ${formatDurationMs(settings[longest])}`
  return [{ path: [...path, first], code: 'ERR_CONFIG_RANGE', message }]
}

/** One that is above the total never comes due. A default above it is nobody's mistake. */
function checkDeadlines(
  settings: ResilienceSettings,
  path: SettingPath,
  sourceOf: SourceOf,
): readonly SettingProblem[] {
  const total = settings.timeout
  return (['attemptTimeout', 'connectTimeout'] as const).flatMap((name) => {
    const at = [...path, name]
    if (settings[name] <= total || sourceOf(at) === 'default') return []
    const message = `must not be above timeout, which spans all attempts; is ${formatDurationMs(settings[name])}, and timeout is ${formatDurationMs(total)}`
    return [{ path: at, code: 'ERR_CONFIG_RANGE', message }]
  })
}

function checkBreaker(
  { breaker, timeout }: ResilienceSettings,
  path: SettingPath,
): readonly SettingProblem[] {
  if (breaker.of === 'off') return []
  const problems: SettingProblem[] = []
  if (breaker.lastCalls > 0 && breaker.minimum > breaker.lastCalls) {
    const message = `must not be above lastCalls, or it never opens; is ${breaker.minimum}, and lastCalls is ${breaker.lastCalls}`
    problems.push({ path: [...path, 'minimum'], code: 'ERR_CONFIG_RANGE', message })
  }
  if (breaker.slow.rate > 0 && breaker.slow.over >= timeout) {
    const message = `must be below timeout, or a call is given up before it is slow; is ${formatDurationMs(breaker.slow.over)}, and timeout is ${formatDurationMs(timeout)}`
    problems.push({ path: [...path, 'slow', 'over'], code: 'ERR_CONFIG_RANGE', message })
  }
  if (breaker.slow.rate === 0 && breaker.failures === 0) {
    const message =
      'has nothing to open for: neither failures nor slow.rate is above 0%; write of: off to have none'
    problems.push({ path, code: 'ERR_CONFIG_CONFLICT', message, at: 'key' })
  }
  return problems
}

/** A second attempt is a retry, within the same budget. */
function checkHedge(
  { hedge, retry }: ResilienceSettings,
  path: SettingPath,
): readonly SettingProblem[] {
  if (hedge.after === 0) return []
  const problems: SettingProblem[] = []
  if (retry.attempts === 0) {
    const message =
      'needs retry.attempts above 0: a second attempt beside the first is a further one'
    problems.push({ path, code: 'ERR_CONFIG_CONFLICT', message, at: 'key' })
  }
  if (hedge.after < 0.5 || hedge.after === 1) {
    const message =
      'must be from 50% to below 100%: below, most requests are made twice, and 100% of the answers never have come'
    problems.push({ path: [...path, 'after'], code: 'ERR_CONFIG_RANGE', message })
  }
  return problems
}

function checkFallback(
  { fallback }: ResilienceSettings,
  path: SettingPath,
): readonly SettingProblem[] {
  const stale = fallback?.stale
  if (stale === undefined || stale.body <= stale.memory) return []
  const message = 'must not be above memory, or an answer of this size is never kept'
  return [{ path: [...path, 'stale', 'body'], code: 'ERR_CONFIG_RANGE', message }]
}

function checkConcurrency(
  { concurrency }: ResilienceSettings,
  path: SettingPath,
): readonly SettingProblem[] {
  const { algorithm, initial, min, max } = concurrency
  if (algorithm !== 'aimd' && algorithm !== 'gradient2') return []
  const isWithin = min <= initial && initial <= max
  if (isWithin) return []
  const message = `must be from min to max; is ${initial}, min is ${min}, and max is ${max}`
  return [{ path: [...path, 'initial'], code: 'ERR_CONFIG_RANGE', message }]
}
