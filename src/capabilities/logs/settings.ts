import { z } from 'zod'
import { filled, label } from '../../platform/config/names.ts'
import type { SettingsPart } from '../../platform/config/part.ts'
import { duration, secret, size } from '../../platform/config/units.ts'
import { checkLogs } from './check-settings.ts'
import { logListeners } from './listeners.ts'

const levels = ['debug', 'info', 'warn', 'error', 'fatal'] as const
const keep = () => duration({ min: '1h', max: '3650d' })

const logs = z
  .strictObject({
    retention: z
      .strictObject({
        time: keep().prefault('7d').describe('Log records are kept so long.'),
        size: size()
          .prefault('10GiB')
          .describe('Logs and traces may take so much of the disk, the oldest go; 0B: no limit.'),
        rules: z
          .array(
            z.strictObject({
              service: label().optional().describe('Only records of this service.'),
              below: z.enum(levels).optional().describe('Only log records below this level.'),
              time: keep().describe('They are kept so long.'),
            }),
          )
          .max(32)
          .default([])
          .describe('Records that are kept for another time; the first rule that fits counts.'),
      })
      .prefault({})
      .describe('How long records are kept.'),
    redact: z
      .strictObject({
        secrets: z
          .boolean()
          .default(true)
          .describe(
            'Passwords, tokens, keys and card numbers are taken out before anything is stored.',
          ),
        rules: z
          .array(
            z.strictObject({
              pattern: filled().describe('What is taken out: a regular expression, RE2.'),
              by: z
                .string()
                .default('[redacted]')
                .describe('What stands there then; $1 is the first group.'),
            }),
          )
          .max(32)
          .default([])
          .describe('Own rules, which come first.'),
      })
      .prefault({})
      .describe('What is never stored.'),
    memory: z
      .strictObject({
        waiting: size({ min: '1MiB', max: '1GiB' })
          .prefault('32MiB')
          .describe(
            'Records may wait for the disk in so much memory; beyond it senders are refused, the least severe first.',
          ),
        query: size({ min: '192MiB', max: '64GiB' })
          .prefault('256MiB')
          .describe('A query may use so much memory; it runs in a process of its own.'),
      })
      .prefault({})
      .describe('Bounds of memory.'),
    query: z
      .strictObject({
        timeout: duration({ min: '1s', max: '1h' })
          .prefault('30s')
          .describe('A query that takes longer is ended.'),
      })
      .prefault({})
      .describe('How queries are bounded.'),
    environment: z
      .boolean()
      .default(true)
      .describe(
        'Services started here are told where OpenTelemetry is taken: OTEL_EXPORTER_OTLP_ENDPOINT.',
      ),
    token: secret()
      .optional()
      .describe(
        'Bearer token of everything that takes logs and traces; demanded from beyond loopback.',
      ),
    hosts: z
      .array(filled())
      .default([])
      .describe('Further Host names under which logs and traces are taken.'),
  })
  .prefault({})
  .describe('Logs: what is taken, what is kept, how it is asked for.')

const traces = z
  .strictObject({
    retention: keep().prefault('7d').describe('Spans are kept so long.'),
    gateway: z
      .int()
      .min(0)
      .max(1_000_000)
      .default(500)
      .describe(
        'Requests of the gateway a second that are kept as spans; failed ones come in addition, and so often at most. 0: none.',
      ),
  })
  .prefault({})
  .describe('Traces: what is kept.')

/** The sections as they are read. */
export type LogsSettings = z.output<typeof logs>
export type TracesSettings = z.output<typeof traces>

/** The part of `backplane.yaml` that says what is kept of logs and traces. */
export const logsSettings = {
  sections: { logs, traces },
  service: {},
  listeners: logListeners,
  restart: ['logs.memory', 'logs.token', 'logs.hosts'],
  check: checkLogs,
} as const satisfies SettingsPart
