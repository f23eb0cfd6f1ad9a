import { z } from 'zod'
import { DEFAULT_BEHAVIOR, type ScalingRules } from '../../mechanisms/autoscale/behavior.ts'
import { duration, formatDurationMs, rate, share } from '../../platform/config/units.ts'

const instances = z
  .int()
  .min(1)
  .max(1000)
  .optional()
  .describe('At most so many instances in this time.')
const percent = z
  .int()
  .min(1)
  .max(1000)
  .optional()
  .describe('At most this percentage of what there was, rounded up.')

function rules({ stabilizationMs, select, policies }: ScalingRules, about: string) {
  const defaults = policies.map(({ unit, value, periodMs }) => ({
    [unit === 'replicas' ? 'instances' : 'percent']: value,
    period: formatDurationMs(periodMs),
  }))
  const policy = z.strictObject({
    instances,
    percent,
    period: duration({ min: '1s', max: '30m' }).describe('The time that is looked back on.'),
  })
  return z
    .strictObject({
      stabilization: duration({ min: '0s', max: '1h' })
        .prefault(formatDurationMs(stabilizationMs))
        .describe('The mildest recommendation of this time counts.'),
      select: z
        .enum(['max', 'min', 'disabled'])
        .default(select)
        .describe('The policy that allows most, the one that allows least, or no change at all.'),
      policies: z
        .array(policy)
        .min(1)
        .max(10)
        .prefault(defaults)
        .describe('How fast it may change.'),
    })
    .prefault({})
    .describe(about)
}

const latency = (percentile: string) =>
  duration({ min: '1ms', max: '1m' })
    .optional()
    .describe(`${percentile} of the requests should be answered within this time.`)

/** What a service is scaled by: as Kubernetes' HorizontalPodAutoscaler (autoscaling/v2). */
export const scaleShape = {
  scale: z
    .strictObject({
      target: z
        .strictObject({
          requests: rate().optional().describe('Requests a second that one instance should carry.'),
          concurrency: z
            .number()
            .min(0.1)
            .max(100_000)
            .optional()
            .describe('Requests in flight that one instance should have.'),
          cpu: share().optional().describe('Share of one core that an instance should use.'),
          latency: z
            .strictObject({
              p50: latency('Half'),
              p90: latency('90 %'),
              p95: latency('95 %'),
              p99: latency('99 %'),
            })
            .prefault({})
            .describe('Answers of the gateway in time, to the last byte.'),
        })
        .describe('What one instance should carry; of several the one that asks for most counts.'),
      every: duration({ min: '1s', max: '5m' }).prefault('2s').describe('A decision so often.'),
      tolerance: share()
        .prefault('10%')
        .describe('Nothing is changed while the load is so near to its target.'),
      up: rules(DEFAULT_BEHAVIOR.up, 'What holds more instances back.'),
      down: rules(DEFAULT_BEHAVIOR.down, 'What holds fewer instances back.'),
    })
    .optional()
    .describe('Scales the service between the bounds of `instances`, by its load.'),
} as const

/** A service as this capability sees it. */
export type ScaleSettings = NonNullable<z.output<typeof scaleShape.scale>>
