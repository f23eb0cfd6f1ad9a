import type { MetricFamily } from '../../platform/metrics-text.ts'
import type { ServiceRun } from './service-run.ts'

/** What each process uses, and how often it crashed. */
export function* processesMetrics(runs: readonly ServiceRun[]): Generator<MetricFamily> {
  const statuses = runs.flatMap((run) =>
    run.slots().flatMap((slot) => (slot.status === undefined ? [] : [slot.status])),
  )
  const family = (
    name: string,
    help: string,
    type: 'counter' | 'gauge',
    value: (status: (typeof statuses)[number]) => number,
  ): MetricFamily => ({
    name,
    help,
    type,
    samples: statuses.map((status) => ({
      labels: { service: status.spec.service, instance: status.spec.id },
      value: value(status),
    })),
  })
  yield family(
    'backplane_processes_restarts_total',
    'Restarts after a crash.',
    'counter',
    (one) => one.restarts,
  )
  yield family(
    'backplane_processes_cpu_seconds_total',
    'CPU time.',
    'counter',
    (one) => one.cpuSeconds,
  )
  yield family(
    'backplane_processes_resident_bytes',
    'Resident memory.',
    'gauge',
    (one) => one.residentBytes,
  )
  yield family(
    'backplane_processes_output_dropped_total',
    'Output lines that fell out of the ring.',
    'counter',
    (one) => one.linesDropped,
  )
  yield family('backplane_processes_running', '1 while the process runs.', 'gauge', (one) =>
    Number(one.state.state === 'running'),
  )
}
