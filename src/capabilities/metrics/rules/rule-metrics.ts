import type { MetricFamily } from '../../../platform/metrics-text.ts'
import type { GroupRunner } from './group-runner.ts'

/** How the evaluation of rules goes. */
export function ruleMetrics(groups: readonly GroupRunner[]): readonly MetricFamily[] {
  if (groups.length === 0) return []
  const family = (
    name: string,
    type: MetricFamily['type'],
    help: string,
    value: (runner: GroupRunner) => number,
  ): MetricFamily => ({
    name,
    help,
    type,
    samples: groups.map((runner) => ({
      labels: { file: runner.group.file, rule_group: runner.group.name },
      value: value(runner),
    })),
  })
  return [
    family(
      'backplane_metrics_rule_evaluations_missed_total',
      'counter',
      'Evaluations that were left out, because the one before took longer than the interval.',
      ({ missedCount }) => missedCount,
    ),
    family(
      'backplane_metrics_rules_failing',
      'gauge',
      'Rules whose last evaluation failed.',
      ({ rules }) => rules.filter(({ last }) => last.health === 'err').length,
    ),
    family(
      'backplane_metrics_rule_group_seconds',
      'gauge',
      'What the last evaluation of the group took.',
      ({ durationMs }) => durationMs / 1_000,
    ),
  ]
}
