import { z } from 'zod'
import { duration, rate, secret, share } from '../platform/config/units.ts'
import { absolutePath, filled } from './names.ts'

/** Health checks: how the control plane asks whether an instance is well. */
const healthSettings = z.strictObject({
  http: absolutePath().optional().describe('GET this path; 200 to 399 is passing.'),
  tcp: z.literal(true).optional().describe('Passing when a connection is accepted.'),
  exec: z
    .array(filled())
    .min(1)
    .optional()
    .describe('Run this program; exit 0 is passing, 1 is warning.'),
  interval: duration({ min: '100ms', max: '1h' })
    .prefault('2s')
    .describe('Time between two checks of one instance, ±10 % jitter.'),
  timeout: duration({ min: '10ms', max: '10m' })
    .prefault('1s')
    .describe('No answer within this time is a failure.'),
  healthy: z
    .int()
    .min(1)
    .max(100)
    .default(1)
    .describe('Passing checks in a row until the instance is routable.'),
  unhealthy: z
    .int()
    .min(1)
    .max(100)
    .default(3)
    .describe('Failing checks in a row until it is taken out.'),
  startup: duration({ min: '0s', max: '1h' })
    .prefault('60s')
    .describe(
      'After a start failures do not count for this long, and checks run every 100 ms until the first success.',
    ),
})

const balanceSettings = z.strictObject({
  algorithm: z
    .enum(['peak-ewma', 'least-requests', 'round-robin', 'sticky-cookie'])
    .default('peak-ewma')
    .describe('How an instance is chosen among the routable ones.'),
  slowStart: duration({ min: '0s', max: '1h' })
    .prefault('0s')
    .describe('A new instance gets a rising share of its weight for this long.'),
  cookie: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/, { error: 'must be letters, digits, _ and -, at most 64' })
    .default('backplane_instance')
    .describe('Name of the cookie of sticky-cookie.'),
})

const resilienceSettings = z.strictObject({
  timeout: duration({ min: '10ms', max: '1h' })
    .prefault('30s')
    .describe('Total deadline of a request until the response head, all attempts together.'),
  connectTimeout: duration({ min: '10ms', max: '1m' })
    .prefault('1s')
    .describe('Time to open a connection to an instance.'),
  attemptTimeout: duration({ min: '10ms', max: '1h' })
    .prefault('10s')
    .describe('Deadline of one attempt until the response head.'),
  retry: z
    .strictObject({
      attempts: z
        .int()
        .min(0)
        .max(10)
        .default(2)
        .describe('Further attempts of an idempotent request, each on another instance.'),
      budget: share()
        .prefault('20%')
        .describe('Retries as a share of the requests of the last ten seconds.'),
      reserve: rate({ max: 10_000 })
        .prefault('3/s')
        .describe('Retries that are allowed whatever the share says.'),
    })
    .prefault({})
    .describe('Retry of idempotent requests before the first byte of the response.'),
  ejection: z
    .strictObject({
      failures: z
        .int()
        .min(0)
        .max(1000)
        .default(5)
        .describe('Failures in a row that eject an instance; 0 switches ejection off.'),
      base: duration({ min: '100ms', max: '1h' })
        .prefault('5s')
        .describe('Length of the first ejection; each following one doubles.'),
      max: duration({ min: '100ms', max: '24h' }).prefault('1m').describe('Longest ejection.'),
      share: share()
        .prefault('50%')
        .describe(
          'At most this share of the instances is ejected at a time, but always at least one.',
        ),
    })
    .prefault({})
    .describe('Instances that fail are left out for a while.'),
})

/** One entry of `services`. */
export const serviceSettings = z.strictObject({
  run: z
    .union([filled(), z.array(filled()).min(1)])
    .optional()
    .describe(
      'Command that starts an instance: shell words, no shell. $PORT and other variables are replaced.',
    ),
  folder: z.string().default('.').describe('Working folder, relative to the configuration file.'),
  env: z
    .record(
      z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, {
        error: 'must be letters, digits and _, such as LOG_LEVEL',
      }),
      secret(),
    )
    .default({})
    .describe('Environment variables; values may be { env: NAME } or { file: path }.'),
  port: z
    .int()
    .min(1)
    .max(65535)
    .optional()
    .describe('A fixed port, for a program that cannot be told; at most one instance.'),
  after: z
    .array(filled())
    .default([])
    .describe('Starts when these are healthy, or finished where they are tasks.'),
  task: z.boolean().default(false).describe('Runs once to its end; exit 0 is success.'),
  calls: z
    .array(filled())
    .optional()
    .describe('Services that it may call through outbound listeners; default: all.'),
  instances: z
    .union([
      z.int().min(0).max(1000),
      z.strictObject({ min: z.int().min(0).max(1000), max: z.int().min(1).max(1000) }),
    ])
    .default(1)
    .describe('Number of instances, or its bounds.'),
  health: healthSettings
    .prefault({})
    .describe('Without http, tcp or exec: a TCP connection to the port.'),
  stop: z
    .strictObject({
      signal: z
        .enum(['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP'])
        .default('SIGTERM')
        .describe('First signal, to the whole process group.'),
      drain: duration({ min: '0s', max: '1h' })
        .prefault('10s')
        .describe('Requests in flight may take this long before the signal.'),
      grace: duration({ min: '0s', max: '1h' })
        .prefault('10s')
        .describe('Time from the signal to SIGKILL.'),
    })
    .prefault({})
    .describe('How an instance is stopped: out of rotation, drained, signal, grace, SIGKILL.'),
  restart: z
    .strictObject({
      min: duration({ min: '10ms', max: '1h' })
        .prefault('200ms')
        .describe('Wait before the first start after a crash; doubles.'),
      max: duration({ min: '10ms', max: '1h' }).prefault('10s').describe('Longest wait.'),
      loop: z
        .int()
        .min(2)
        .max(100)
        .default(5)
        .describe('Crashes within `window` that are called a crash loop.'),
      window: duration({ min: '1s', max: '1h' }).prefault('1m').describe('See loop.'),
    })
    .prefault({})
    .describe('Back-off of restarts.'),
  at: z
    .array(filled())
    .min(1)
    .optional()
    .describe('Addresses host:port of instances that somebody else runs.'),
  weight: z.int().min(1).max(1000).default(1).describe('Weight of its instances in balancing.'),
  balance: balanceSettings.prefault({}).describe('Load balancing.'),
  resilience: resilienceSettings.prefault({}).describe('Deadlines, retries, ejection.'),
  connections: z
    .int()
    .min(1)
    .max(100_000)
    .default(1024)
    .describe('Open connections to one instance; beyond it requests wait.'),
  pending: z
    .int()
    .min(0)
    .max(1_000_000)
    .default(1024)
    .describe('Requests that may wait for a connection; beyond it 503.'),
})
