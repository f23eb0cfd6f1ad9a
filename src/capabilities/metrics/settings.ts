import { z } from 'zod'
import { absolutePath, filled, label } from '../../platform/config/names.ts'
import type { SettingsPart } from '../../platform/config/part.ts'
import { duration, secret, size } from '../../platform/config/units.ts'
import { checkMetrics } from './check-settings.ts'
import { listenerRow } from './listener.ts'

const count = (max: number) => z.int().min(0).max(max)
const labels = () => z.record(filled(), z.string())

const relabelRule = z.strictObject({
  action: z
    .enum([
      'replace',
      'keep',
      'drop',
      'keepequal',
      'dropequal',
      'hashmod',
      'labelmap',
      'labeldrop',
      'labelkeep',
      'lowercase',
      'uppercase',
    ])
    .default('replace')
    .describe('What the rule does.'),
  sourceLabels: z.array(filled()).default([]).describe('Their values are put together.'),
  separator: z.string().default(';').describe('Stands between these values.'),
  regex: z.string().default('(.*)').describe('Matched with them, as a whole; RE2.'),
  targetLabel: z.string().default('').describe('The label that is set.'),
  replacement: z.string().default('$1').describe('Its value; $1 is the first group.'),
  modulus: z.int().min(0).default(0).describe('Of hashmod.'),
})

const scrape = {
  interval: duration({ min: '1s', max: '1d' })
    .optional()
    .describe('Time between two scrapes; default: that of metrics.scrape.'),
  timeout: duration({ min: '100ms', max: '10m' })
    .optional()
    .describe('A scrape that takes longer has failed; default: that of metrics.scrape.'),
  scheme: z.enum(['http', 'https']).default('http').describe('How targets are asked.'),
  honorLabels: z
    .boolean()
    .default(false)
    .describe('Where a sample has a label of its target too, that of the sample counts.'),
  honorTimestamps: z.boolean().default(true).describe('Times that a target says count.'),
  nativeHistograms: z
    .boolean()
    .default(false)
    .describe('Ask for protobuf first: only it has native histograms.'),
  samples: count(10_000_000).default(0).describe('A scrape with more samples fails; 0: no limit.'),
  labels: count(10_000).default(0).describe('A scrape with more labels at a sample fails.'),
  labelNameLength: count(65_536).default(0).describe('A scrape with a longer name fails.'),
  labelValueLength: count(1_048_576).default(0).describe('A scrape with a longer value fails.'),
  body: size({ min: '1KiB', max: '1GiB' })
    .prefault('64MiB')
    .describe('An answer that is larger is not read.'),
  relabel: z.array(relabelRule).default([]).describe('Rules for targets, as relabel_configs.'),
  metricRelabel: z
    .array(relabelRule)
    .default([])
    .describe('Rules for samples, as metric_relabel_configs.'),
}

const metrics = z
  .strictObject({
    scrape: z
      .strictObject({
        interval: duration({ min: '1s', max: '1d' })
          .prefault('15s')
          .describe('Time between two scrapes of a target.'),
        timeout: duration({ min: '100ms', max: '10m' })
          .prefault('10s')
          .describe('A scrape that takes longer has failed.'),
      })
      .prefault({})
      .describe('How targets are scraped that say nothing else.'),
    jobs: z
      .array(
        z.strictObject({
          name: label().describe('The label job of its series.'),
          targets: z.array(filled()).min(1).describe('Addresses host:port.'),
          targetLabels: labels().default({}).describe('Labels of all its targets.'),
          path: absolutePath().default('/metrics').describe('Where a target answers.'),
          ...scrape,
        }),
      )
      .default([])
      .describe('Targets that are no services of this file.'),
    retention: z
      .strictObject({
        time: duration({ min: '1h', max: '3650d' })
          .prefault('15d')
          .describe('Samples are kept so long.'),
        size: size().prefault('0B').describe('Blocks may take so much of the disk; 0B: no limit.'),
        rules: z
          .array(
            z.strictObject({
              match: filled().describe('A selector such as {job="api"}.'),
              time: duration({ min: '1h', max: '3650d' }).describe('Its series are kept so long.'),
            }),
          )
          .default([])
          .describe('Series that are kept for another time; the first that fits counts.'),
      })
      .prefault({})
      .describe('How long samples are kept.'),
    series: z
      .int()
      .min(1_000)
      .max(20_000_000)
      .default(1_000_000)
      .describe('Series with new samples; new ones beyond this are refused.'),
    labelValues: z
      .int()
      .min(10)
      .max(1_000_000)
      .default(20_000)
      .describe('Values of one label of one metric; further ones become __overflow__.'),
    outOfOrder: duration({ min: '0s', max: '7d' })
      .prefault('10m')
      .describe('Samples so much older than the newest one are still taken.'),
    query: z
      .strictObject({
        timeout: duration({ min: '1s', max: '1h' })
          .prefault('2m')
          .describe('A query that takes longer fails.'),
        samples: z
          .int()
          .min(1_000)
          .max(1_000_000_000)
          .default(50_000_000)
          .describe('Samples of a query in memory.'),
        series: z
          .int()
          .min(1_000)
          .max(100_000_000)
          .default(500_000)
          .describe('Series that a selector may find.'),
        answer: size({ min: '64KiB', max: '256MiB' })
          .prefault('64MiB')
          .describe('An answer that is larger is refused.'),
        lookback: duration({ min: '1s', max: '1d' })
          .prefault('5m')
          .describe('A sample counts for so long.'),
      })
      .prefault({})
      .describe('How queries are bounded.'),
    remoteWrite: z
      .strictObject({
        to: z
          .array(
            z.strictObject({
              url: secret().describe(
                'Where it takes remote write 1.0, such as http://prometheus:9090/api/v1/write.',
              ),
              headers: z
                .record(filled(), secret())
                .default({})
                .describe('Header fields of each request, such as Authorization.'),
            }),
          )
          .max(16)
          .default([])
          .describe('Other stores that get every sample, from now on.'),
        queue: size({ min: '16MiB' })
          .prefault('1GiB')
          .describe(
            'Samples that wait for them may take so much of the disk; beyond that the oldest are given up.',
          ),
      })
      .prefault({})
      .describe(
        'Handing over: every sample goes on to other stores, and waits on the disk while they are away.',
      ),
    token: secret().optional().describe('Bearer token of the API; demanded from beyond loopback.'),
    hosts: z
      .array(filled())
      .default([])
      .describe('Further Host names under which the API is reached.'),
  })
  .prefault({})
  .describe('Metrics: what is scraped, what is kept, how it is asked for.')

const service = {
  metrics: z
    .union([
      absolutePath(),
      z.literal('off'),
      z.strictObject({
        path: absolutePath().default('/metrics').describe('Where an instance answers.'),
        port: z
          .int()
          .min(1)
          .max(65_535)
          .optional()
          .describe('Port of the metrics; default: that of the instance.'),
        ...scrape,
      }),
    ])
    .optional()
    .describe(
      'Its instances are scraped here: a path, or a map. Without it, those whose metadata say prometheus.io/scrape: "true".',
    ),
}

/** The section as it is read. */
export type MetricsSettings = z.output<typeof metrics>
/** What a service says. */
export type ServiceMetrics = z.output<(typeof service)['metrics']>

/** The part of `backplane.yaml` that says what is measured. */
export const metricsSettings = {
  sections: { metrics },
  service,
  listeners: {
    prometheus: listenerRow,
  },
  restart: [
    'metrics.series',
    'metrics.labelValues',
    'metrics.outOfOrder',
    'metrics.token',
    'metrics.hosts',
  ],
  check: checkMetrics,
} as const satisfies SettingsPart
