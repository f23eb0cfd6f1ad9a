import type { Problem } from '../../platform/capability.ts'
import type { MetricFamily } from '../../platform/metrics-text.ts'
import type { RequestCounts } from './counters.ts'

export interface EurekaFacts {
  readonly counts: RequestCounts
  /** Instances with a lease from here. */
  readonly leased: number
  /** Of these, kept beyond it. */
  readonly preserved: number
  /** Registrations of instances that are here from elsewhere. */
  readonly twins: number
}

/** What a Prometheus sees. */
export function* eurekaMetrics(facts: EurekaFacts): Generator<MetricFamily> {
  const gauge = (name: string, help: string, value: number): MetricFamily => ({
    name,
    help,
    type: 'gauge',
    samples: [{ labels: {}, value }],
  })
  yield {
    name: 'backplane_eureka_requests_total',
    help: 'Requests of Eureka clients by operation and status.',
    type: 'counter',
    samples: facts.counts.samples(),
  }
  yield gauge('backplane_eureka_leases', 'Instances with a lease from Eureka.', facts.leased)
  yield gauge(
    'backplane_eureka_preserved_instances',
    'Instances that are kept beyond their lease because their whole network fell silent.',
    facts.preserved,
  )
  yield gauge(
    'backplane_eureka_twins',
    'Registrations of instances that Backplane runs or the file names.',
    facts.twins,
  )
}

/** What an operator should know. */
export function* eurekaProblems({ preserved }: Pick<EurekaFacts, 'preserved'>): Generator<Problem> {
  if (preserved === 0) return
  const count = preserved === 1 ? 'An instance is' : `${preserved} instances are`
  yield {
    severity: 'warning',
    code: 'ERR_EUREKA_PRESERVING',
    service: '',
    instance: '',
    text: `${count} kept beyond the end of the lease: everybody of their network fell silent at once, and it may be cut. eureka.preserve says for how long.`,
  }
}
