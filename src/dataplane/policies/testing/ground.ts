import type { Clock } from '../../../platform/capability.ts'
import { systemClock } from '../../../platform/clock.ts'
import { createFlightMemory, openInFlight } from '../../shared/in-flight.ts'
import { createAuthGround } from '../../auth/ground.ts'
import { createBucketMemory, openSharedBuckets } from '../../shared/buckets.ts'
import type { PolicySpec } from '../../../contracts/policies.ts'
import { type CompiledPolicies, compilePolicies } from '../compile.ts'
import type { PolicyGround } from '../policy.ts'
import { QuotaNotes } from '../quota-notes.ts'

/** What policies of one worker are compiled with, the clock at 0. */
export function testGround(places?: number, clock: Clock = systemClock): PolicyGround {
  const memory = createBucketMemory({ ...(places && { places }), seed: [1, 2], nowMs: 0 })
  return {
    workers: 1,
    buckets: openSharedBuckets(memory),
    auth: createAuthGround(clock, () => {}),
    flights: openInFlight(createFlightMemory(1, [1, 2], 64), 0),
    quotas: new QuotaNotes(),
    random: () => 0.5,
  }
}

/** The policies of a route, on a ground of their own. */
export function compileAlone(specs: readonly PolicySpec[]): CompiledPolicies {
  return compilePolicies(specs, testGround())
}
