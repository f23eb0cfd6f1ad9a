import { z } from 'zod'
import { filled } from '../../platform/config/names.ts'
import { duration, secret } from '../../platform/config/units.ts'

/** What is run here: command, environment, order, number of instances, and how one is stopped and started again. */
export const serviceShape = {
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
  user: filled()
    .regex(/^[a-z_][a-z0-9_-]*[$]?$|^[0-9]+$/i, {
      error: 'must be the name or the number of a user',
    })
    .optional()
    .describe(
      "User that it runs as, by name or number, with that user's own group and no other. Backplane itself must run as root for that.",
    ),
  watch: z
    .union([filled().transform((path) => [path]), z.array(filled()).max(100)])
    .default([])
    .describe(
      'For development: files and folders, relative to `folder`, whose changes restart it. Names that begin with a point, node_modules and the like are not looked at.',
    ),
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
  instances: z
    .union([
      z.int().min(0).max(1000),
      z.strictObject({ min: z.int().min(0).max(1000), max: z.int().min(1).max(1000) }),
    ])
    .default(1)
    .describe('Number of instances, or its bounds.'),
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
      policy: z
        .enum(['always', 'on-failure', 'never'])
        .optional()
        .describe(
          'Whether it is started again when it ends: always, unless it ended with 0, or never. Default: always; on-failure for a task.',
        ),
      max: z
        .int({
          error:
            'must be a whole number: starts in a row before it is given up (the longest wait is backoff.max)',
        })
        .min(0)
        .max(1_000_000)
        .optional()
        .describe(
          'Starts in a row, each with a life shorter than window, before it is given up. Default: no limit; 3 for a task.',
        ),
      backoff: z
        .strictObject({
          min: duration({ min: '10ms', max: '1h' })
            .prefault('200ms')
            .describe('Wait before the first start after a crash; doubles.'),
          max: duration({ min: '10ms', max: '1h' }).prefault('10s').describe('Longest wait.'),
        })
        .prefault({})
        .describe('Waits between starts.'),
      loop: z
        .int()
        .min(2)
        .max(100)
        .default(5)
        .describe('Crashes within `window` that are called a crash loop.'),
      window: duration({ min: '1s', max: '1h' }).prefault('1m').describe('See loop.'),
    })
    .prefault({})
    .describe('What happens when it ends by itself.'),
} as const

/** A service as this capability sees it. */
export type ProcessSettings = z.output<z.ZodObject<typeof serviceShape>>
