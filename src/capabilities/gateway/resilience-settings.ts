import { z } from 'zod'
import { filled } from '../../platform/config/names.ts'
import type { RetryCondition } from '../../mechanisms/retry/conditions.ts'
import { duration, rate, share, size } from '../../platform/config/units.ts'

const RETRY_CONDITIONS = [
  'connect',
  'reset',
  'timeout',
  '5xx',
  'gateway-error',
  'retriable-header',
  'grpc-unavailable',
  'grpc-resource-exhausted',
  'grpc-cancelled',
  'grpc-deadline-exceeded',
  'grpc-internal',
] as const satisfies readonly RetryCondition[]

const retrySettings = z
  .strictObject({
    attempts: z
      .int()
      .min(0)
      .max(10)
      .default(2)
      .describe('Further attempts of an idempotent request, each on another instance.'),
    on: z
      .array(z.union([z.enum(RETRY_CONDITIONS), z.int().min(400).max(599)]))
      .default(['connect', 'reset', 'timeout'])
      .describe(
        'What is tried again: connect (no connection in time), reset (no answer, or none that can be understood), timeout (attemptTimeout), 5xx, gateway-error (502, 503, 504), retriable-header (an answer from 400 with Retriable: true, then a POST, too), single statuses, and statuses of gRPC (then of every call, whatever it does). A refused connection always is, and costs nothing.',
      ),
    wait: duration({ min: '0ms', max: '1m' })
      .prefault('25ms')
      .describe(
        'Wait before the first further attempt, which doubles with each; 0ms: none. Retry-After and RateLimit-Reset of an answer hold, too: where they ask for more time than is left, the answer is passed on.',
      ),
    waitMax: duration({ min: '0ms', max: '10m' }).prefault('250ms').describe('Longest wait.'),
    jitter: z
      .enum(['full', 'decorrelated'])
      .default('full')
      .describe(
        'How waits are spread: anything up to the wait (full), or from the first wait to three times the last one.',
      ),
    body: size({ min: '0B', max: '1MiB' })
      .prefault('64KiB')
      .describe('A request that is larger (head and body) is not tried again.'),
    budget: share()
      .prefault('20%')
      .describe(
        'Retries as a share of the requests of the last ten seconds, over all callers and workers.',
      ),
    reserve: rate({ max: 10_000 })
      .prefault('3/s')
      .describe('Retries that are allowed where the share is less.'),
  })
  .prefault({})
  .describe('Retry of idempotent requests before the first byte of the response.')

const ejectionSettings = z
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
  .describe('Instances that fail are left out for a while.')

const outlierSettings = z
  .strictObject({
    slower: z
      .number()
      .min(0)
      .max(1000)
      .default(3)
      .describe(
        'How many times the latency of the other instances is too much (medians of the last two seconds); 0: latency is not looked at.',
      ),
    floor: duration({ min: '0s', max: '1m' })
      .prefault('10ms')
      .describe('Who is not slower than the others by more than this is never too slow.'),
    failing: share()
      .prefault('50%')
      .describe(
        'Share of failures that is too much, where the others have less than half as much; 0% is not looked at.',
      ),
    minimum: z
      .int()
      .min(1)
      .max(10_000)
      .default(5)
      .describe('Requests within two seconds below which an instance is not judged.'),
  })
  .prefault({})
  .describe(
    'Instances that are slow or fail compared with the others of their service are left out, for as long and as many as ejection says.',
  )

const breakerSettings = z
  .strictObject({
    of: z
      .enum(['service', 'instance', 'both', 'off'])
      .default('service')
      .describe(
        'What has a breaker: the service as a whole, which counts requests after all of their attempts; each instance, which counts attempts; both, or nobody.',
      ),
    failures: share()
      .prefault('50%')
      .describe('Share of failed calls that opens it; 0% is not looked at.'),
    slow: z
      .strictObject({
        rate: share()
          .prefault('0%')
          .describe(
            'Share of slow calls that opens it, those that still hang too; 0% is not looked at.',
          ),
        over: duration({ min: '10ms', max: '1h' })
          .prefault('1s')
          .describe('A call whose response head takes longer is slow.'),
      })
      .prefault({})
      .describe('Calls that take long.'),
    statuses: z
      .array(z.int().min(400).max(599))
      .default([502, 503, 504])
      .describe('Statuses of answers that count as failed, beside calls without a usable answer.'),
    minimum: z
      .int()
      .min(1)
      .max(100_000)
      .default(20)
      .describe('Calls within the window below which it does not open.'),
    window: duration({ min: '100ms', max: '10m' })
      .prefault('10s')
      .describe('It looks at the calls of this time, in ten steps.'),
    lastCalls: z
      .int()
      .min(0)
      .max(200)
      .default(0)
      .describe('It looks at so many calls, in place of a time; 0: at those of the window.'),
    open: duration({ min: '10ms', max: '1h' })
      .prefault('1s')
      .describe('How long it stays open at first; each opening that follows soon doubles.'),
    openMax: duration({ min: '10ms', max: '24h' })
      .prefault('5s')
      .describe('How long it stays open at most; a new instance lets it try at once.'),
    probes: z
      .int()
      .min(1)
      .max(16)
      .default(3)
      .describe('Calls side by side that try whether all is well again.'),
  })
  .prefault({})
  .describe(
    'Circuit breaker: while it is open, calls are answered at once with 503 ERR_GATEWAY_BREAKER_OPEN.',
  )

const hedgeSettings = z
  .strictObject({
    after: share()
      .prefault('0%')
      .describe(
        'A second attempt of an idempotent request begins at another instance when so many answers usually have come, such as 95%; the first answer wins, and the other attempt is cancelled. 0%: none. Looked at every 25 ms.',
      ),
    minimum: duration({ min: '0ms', max: '1m' })
      .prefault('20ms')
      .describe('Never earlier than that.'),
  })
  .prefault({})
  .describe('Hedging, within the budget of retries.')

const concurrencySettings = z
  .strictObject({
    algorithm: z
      .enum(['auto', 'off', 'fixed', 'aimd', 'gradient2'])
      .default('auto')
      .describe(
        'How many requests of the service may be in flight: as many as come, until it is overloaded (auto); always as many as come (off); over all workers max (fixed), or what is found by watching drops (aimd) or latency (gradient2). Overloaded is a service while most of its requests take five times what is usual for it, a quarter of the callers leave before their answer, and twice as much as usual is in flight.',
      ),
    max: z.int().min(1).max(100_000).default(200).describe('Never more than so many.'),
    min: z.int().min(1).max(100_000).default(20).describe('An adaptive limit is never below it.'),
    initial: z.int().min(1).max(100_000).default(20).describe('Where an adaptive limit begins.'),
    slowAfter: duration({ min: '10ms', max: '1h' })
      .prefault('5s')
      .describe('aimd: a request that takes longer counts as dropped.'),
    queue: z
      .int()
      .min(0)
      .max(100_000)
      .default(100)
      .describe(
        'Requests that may wait for a place, a worker: in order, and the newest first where the queue was never empty for 100 ms. Critical ones first, and where it is full the least important leave.',
      ),
    queueWait: duration({ min: '0ms', max: '10m' })
      .prefault('1s')
      .describe('How long one may wait there; then 503 ERR_GATEWAY_OVERLOADED.'),
  })
  .prefault({})
  .describe(
    'Bulkhead: batch requests may use 80% of the limit, normal ones 95%, critical ones all of it. The priority is that of the route, or what a trusted caller says in x-request-priority.',
  )

const fallbackSettings = z
  .strictObject({
    to: filled()
      .optional()
      .describe(
        'Another service that gets the request, once, with what is left of the time; where an instance may have begun to serve it, only if it is idempotent.',
      ),
    stale: z
      .strictObject({
        age: duration({ min: '1s', max: '720h' })
          .prefault('1h')
          .describe('How old an answer may be that is given out; stale-if-error makes it less.'),
        memory: size({ min: '64KiB', max: '1GiB' })
          .prefault('8MiB')
          .describe(
            'What is kept in all, by each worker for itself; who was asked for longest ago goes.',
          ),
        body: size({ min: '1KiB', max: '16MiB' })
          .prefault('256KiB')
          .describe('A larger answer is not kept.'),
      })
      .optional()
      .describe(
        'The last answer to the same GET, where there is no other service or that cannot serve it either. Kept is a 200 that Cache-Control does not forbid (no-store, no-cache, private, must-revalidate, s-maxage without stale-if-error) and that sets no cookie, by its Vary; of a request with Authorization or a cookie, or of a caller whom auth or his certificate tells, only what is public.',
      ),
    answer: z
      .strictObject({
        status: z.int().min(200).max(599).default(200).describe('Its status.'),
        type: filled().default('application/json').describe('Its Content-Type.'),
        body: z.string().max(65_536).default('').describe('Its body.'),
      })
      .optional()
      .describe('A fixed answer, where neither another service nor an earlier answer stands in.'),
  })
  .optional()
  .describe(
    'What stands in where the gateway would answer itself because the service is down, open, full or late; backplane-reason still says why. An answer of the service is never replaced.',
  )

/** `resilience` of a service. */
export const resilienceSettings = z.strictObject({
  timeout: duration({ min: '10ms', max: '1h' })
    .prefault('30s')
    .describe('Total deadline of a request until the response head, all attempts together.'),
  connectTimeout: duration({ min: '10ms', max: '1m' })
    .prefault('1s')
    .describe('Time to open a connection to an instance.'),
  attemptTimeout: duration({ min: '10ms', max: '1h' })
    .prefault('10s')
    .describe('Deadline of one attempt until the response head.'),
  breaker: breakerSettings,
  concurrency: concurrencySettings,
  fallback: fallbackSettings,
  retry: retrySettings,
  hedge: hedgeSettings,
  ejection: ejectionSettings,
  outliers: outlierSettings,
})

/** `resilience` as the file says it. */
export type ResilienceSettings = z.output<typeof resilienceSettings>
