import { z } from 'zod'
import { duration, rate, share } from '../../platform/config/units.ts'

const retrySettings = z
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
    failing: share()
      .prefault('50%')
      .describe('Share of failed calls that opens it; 0% is not looked at.'),
    slow: share()
      .prefault('0%')
      .describe(
        'Share of slow calls that opens it, those that still hang too; 0% is not looked at.',
      ),
    slowAfter: duration({ min: '10ms', max: '1h' })
      .prefault('1s')
      .describe('A call whose response head takes longer is slow.'),
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
  retry: retrySettings,
  ejection: ejectionSettings,
  outliers: outlierSettings,
})

/** `resilience` as the file says it. */
export type ResilienceSettings = z.output<typeof resilienceSettings>
