import type { ScalingRules } from '../../mechanisms/autoscale/behavior.ts'
import { DEFAULT_READING_TERMS } from '../../mechanisms/autoscale/metrics.ts'
import type { SettingsPart } from '../../platform/config/part.ts'
import type { SettingPath, SettingProblem } from '../../platform/config/problems.ts'
import { scaleShape, type ScaleSettings } from './schema.ts'
import type { ScaleSpec } from './scaled-service.ts'

/** What is looked at of each service. */
interface Scalable {
  readonly run?: string | readonly string[] | undefined
  readonly task: boolean
  readonly instances: number | { readonly min: number; readonly max: number }
  readonly scale?: ScaleSettings | undefined
}

/** The services that are scaled, by name. */
export type ScalingConfig = ReadonlyMap<string, ScaleSpec>

/** From the settings, which were checked. */
export function scalingConfig(services: Readonly<Record<string, Scalable>>): ScalingConfig {
  return new Map(
    Object.entries(services).flatMap(([name, { scale, instances }]) =>
      scale === undefined || typeof instances === 'number'
        ? []
        : [[name, specOf(scale, instances)] as const],
    ),
  )
}

function specOf(
  { target, every, tolerance, up, down }: ScaleSettings,
  { min, max }: { readonly min: number; readonly max: number },
): ScaleSpec {
  const shares = new Map([
    ['p50', 0.5],
    ['p90', 0.9],
    ['p95', 0.95],
    ['p99', 0.99],
  ])
  return {
    everyMs: every,
    terms: {
      ...DEFAULT_READING_TERMS,
      tolerance: { up: tolerance, down: tolerance },
      min,
      max,
      behavior: { up: rulesOf(up), down: rulesOf(down) },
    },
    targets: {
      requestsPerSecond: target.requests,
      concurrency: target.concurrency,
      cpuPercent: target.cpu === undefined ? undefined : Math.round(target.cpu * 100),
      latencies: Object.entries(target.latency).flatMap(([name, ms]) =>
        ms === undefined ? [] : [{ share: shares.get(name) ?? 0.95, ms }],
      ),
    },
  }
}

function rulesOf({ stabilization, select, policies }: ScaleSettings['up']): ScalingRules {
  return {
    stabilizationMs: stabilization,
    select,
    policies: policies.flatMap(({ instances, percent, period: periodMs }) => [
      ...(instances === undefined
        ? []
        : [{ unit: 'replicas' as const, value: instances, periodMs }]),
      ...(percent === undefined ? [] : [{ unit: 'percent' as const, value: percent, periodMs }]),
    ]),
  }
}

function checkScaling({
  services,
}: {
  readonly services: Readonly<Record<string, Scalable>>
}): readonly SettingProblem[] {
  return Object.entries(services).flatMap(([name, service]) =>
    service.scale === undefined ? [] : checkScale(service, service.scale, ['services', name]),
  )
}

function checkScale(
  { run, task, instances }: Scalable,
  scale: ScaleSettings,
  path: SettingPath,
): readonly SettingProblem[] {
  const at = [...path, 'scale']
  const conflict = (message: string): SettingProblem => ({
    path: at,
    code: 'ERR_CONFIG_CONFLICT',
    message,
    at: 'key',
  })
  if (run === undefined || task)
    return [conflict('needs a service that Backplane runs: add run, and no task')]
  if (typeof instances === 'number')
    return [conflict('needs bounds: write instances: { min: 1, max: 8 }')]
  const { requests, concurrency, cpu, latency } = scale.target
  const given = [requests, concurrency, cpu, ...Object.values(latency)]
  const policies = [scale.up, scale.down].flatMap((one) => one.policies)
  return [
    ...(instances.min === 0
      ? [conflict('needs instances.min of at least 1: no request would start the first one')]
      : []),
    ...(given.every((one) => one === undefined)
      ? [conflict('needs a target, such as target: { requests: 100/s } or { cpu: 70% }')]
      : []),
    ...(requests === 0 || (cpu !== undefined && cpu < 0.01)
      ? [conflict('needs targets above 0: one instance carries something')]
      : []),
    ...(policies.some((one) => one.instances === undefined && one.percent === undefined)
      ? [conflict('has a policy that allows nothing: write instances or percent beside its period')]
      : []),
  ]
}

/** The part of `backplane.yaml` that says what services are scaled by. */
export const scalingSettings = {
  service: scaleShape,
  check: checkScaling,
} as const satisfies SettingsPart
