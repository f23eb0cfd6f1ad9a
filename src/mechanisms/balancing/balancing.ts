import type { Balancer } from './balancer.ts'
import type { Candidate } from './candidate.ts'
import { createMaglev, createRingHash } from './hashed.ts'
import { createLeastRequests } from './least-requests.ts'
import { createPeakEwma } from './peak-ewma.ts'
import { createRoundRobin } from './round-robin.ts'
import { createStickyCookie } from './sticky-cookie.ts'

export { createPickContext, type Balancer, type PickContext } from './balancer.ts'

/** Every balancing algorithm by the name that it has in the configuration. Add one here and nowhere else. */
export const balancers = {
  'peak-ewma': createPeakEwma,
  'least-requests': createLeastRequests,
  'round-robin': createRoundRobin,
  'sticky-cookie': createStickyCookie,
  'ring-hash': createRingHash,
  maglev: createMaglev,
} as const satisfies Record<string, <C extends Candidate>() => Balancer<C>>
