import type { ScaleDecision, ScaleLimit } from '../../mechanisms/autoscale/decide.ts'
import type { Recommendation } from '../../mechanisms/autoscale/recommend.ts'
import type { ScaleTurn } from './scaler.ts'

/** One turn as lines for people: what was done, what each metric said, what limited it. */
export function explainTurn(service: string, turn: ScaleTurn): readonly string[] {
  const { from, to, hold, decision } = turn
  const head = from === to ? `${service} stays at ${from}` : `${service} goes from ${from} to ${to}`
  const because = hold ?? (decision === undefined ? '' : reasonOf(decision))
  const metrics =
    decision === undefined || !('recommendations' in decision) ? [] : decision.recommendations
  return [because === '' ? head : `${head}: ${because}`, ...metrics.map(explainMetric)]
}

function reasonOf(decision: ScaleDecision): string {
  switch (decision.state) {
    case 'off':
      return 'it is scaled to 0, and instances.min is above: it waits until somebody scales it'
    case 'bounded':
      return `instances.${decision.limit} is ${decision.replicas}`
    case 'held':
      return decision.recommendations.length === 0
        ? 'no metric was asked'
        : 'a metric has no value, and nothing is taken away then'
    case 'decided': {
      const asked = `${decision.by} asks for ${decision.recommended}`
      return [asked, ...decision.limits.map((limit) => limitOf(limit, decision.stabilized))].join(
        '; ',
      )
    }
    default:
      return decision satisfies never
  }
}

function limitOf(limit: ScaleLimit, stabilized: number): string {
  switch (limit) {
    case 'stabilization':
      return `held at ${stabilized} by what was asked for shortly before`
    case 'rate':
      return 'not faster, by its policies'
    case 'max':
      return 'not more, by instances.max'
    case 'min':
      return 'not fewer, by instances.min'
    default:
      return limit satisfies never
  }
}

function explainMetric(metric: Recommendation): string {
  if (metric.state === 'unusable') return `  ${metric.name}: no value: ${metric.reason}`
  const { name, current, target, missingCount, ignoredCount, kept, replicas } = metric
  const unit = (value: number) => (name === 'cpu' ? `${value} %` : String(value / 1000))
  const set = [
    ...(missingCount > 0 ? [`${missingCount} not measured`] : []),
    ...(ignoredCount > 0 ? [`${ignoredCount} not ready`] : []),
    ...(kept === 'tolerance' ? ['within the tolerance'] : []),
    ...(kept === 'direction' ? ['those that are not measured might turn it round'] : []),
  ]
  const aside = set.length === 0 ? '' : ` (${set.join(', ')})`
  return `  ${name}: ${unit(current)} of ${unit(target)}, asks for ${replicas}${aside}`
}
