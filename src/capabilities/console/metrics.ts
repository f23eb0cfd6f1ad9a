import type { MetricFamily, MetricSample } from '../../platform/metrics-text.ts'
import { histogramSamples } from '../../platform/metrics-text.ts'
import {
  LATENCY_BOUNDS_MS,
  type EdgeTotals,
  type InstanceTotals,
} from '../../contracts/snapshot.ts'
import type { ServiceView } from '../../contracts/feed.ts'
import type { ConsoleNeeds } from './needs.ts'

const boundsSeconds = LATENCY_BOUNDS_MS.map((bound) => bound / 1000)
const classes = ['none', '1xx', '2xx', '3xx', '4xx', '5xx']

/** Our own metrics: gateway, instances, services, processes. */
export function* metricFamilies(
  needs: ConsoleNeeds,
  services: readonly ServiceView[],
): Generator<MetricFamily> {
  const edges = [...needs.gateway.totals.edges()]
  const instances = [...needs.gateway.totals.instances()]
  yield* edgeFamilies(edges)
  yield* instanceFamilies(instances)
  yield* dataFamilies(needs)
  yield* serviceFamilies(needs, services)
  yield* processFamilies(needs)
}

function edgeLabels(row: EdgeTotals): Record<string, string> {
  return {
    caller: row.caller === '' ? 'gateway' : row.caller,
    route: row.route,
    service: row.service,
  }
}

function* edgeFamilies(edges: readonly EdgeTotals[]): Generator<MetricFamily> {
  yield {
    name: 'backplane_gateway_requests_total',
    help: 'Finished requests by caller, route, service and status class.',
    type: 'counter',
    samples: edges.flatMap((row) => statusSamples(edgeLabels(row), row.statuses)),
  }
  yield {
    name: 'backplane_gateway_own_answers_total',
    help: 'Answers that the gateway made itself, by reason code (docs/errors.md).',
    type: 'counter',
    samples: edges.flatMap((row) =>
      Object.entries(row.reasons).map(([reason, value]) => ({
        labels: { ...edgeLabels(row), reason },
        value,
      })),
    ),
  }
  yield counterOf(
    edges,
    'backplane_gateway_retries_total',
    'Attempts after the first one.',
    (row) => row.retries,
  )
  yield counterOf(
    edges,
    'backplane_gateway_request_bytes_total',
    'Bytes of request bodies.',
    (row) => row.requestBytes,
  )
  yield counterOf(
    edges,
    'backplane_gateway_response_bytes_total',
    'Bytes of response bodies.',
    (row) => row.responseBytes,
  )
  yield {
    name: 'backplane_gateway_requests_in_flight',
    help: 'Requests that are being served.',
    type: 'gauge',
    samples: edges.map((row) => ({ labels: edgeLabels(row), value: row.inFlight })),
  }
  yield {
    name: 'backplane_gateway_request_duration_seconds',
    help: 'Time from the request head to the last byte of the response.',
    type: 'histogram',
    samples: edges.flatMap((row) => [
      ...histogramSamples(
        edgeLabels(row),
        boundsSeconds,
        row.latencyCounts,
        row.latencySumMs / 1000,
      ),
    ]),
  }
}

function counterOf(
  edges: readonly EdgeTotals[],
  name: string,
  help: string,
  value: (row: EdgeTotals) => number,
): MetricFamily {
  return {
    name,
    help,
    type: 'counter',
    samples: edges.map((row) => ({ labels: edgeLabels(row), value: value(row) })),
  }
}

function statusSamples(
  labels: Record<string, string>,
  statuses: readonly number[],
): MetricSample[] {
  return statuses.flatMap((value, at) =>
    value === 0 ? [] : [{ labels: { ...labels, status: classes[at] ?? 'none' }, value }],
  )
}

function* instanceFamilies(rows: readonly InstanceTotals[]): Generator<MetricFamily> {
  const labels = (row: InstanceTotals) => ({ service: row.service, instance: row.id })
  const gauge = (
    name: string,
    help: string,
    value: (row: InstanceTotals) => number,
  ): MetricFamily => ({
    name,
    help,
    type: 'gauge',
    samples: rows.map((row) => ({ labels: labels(row), value: value(row) })),
  })
  yield {
    name: 'backplane_gateway_attempts_total',
    help: 'Attempts by instance and status class.',
    type: 'counter',
    samples: rows.flatMap((row) => statusSamples(labels(row), row.statuses)),
  }
  yield {
    name: 'backplane_gateway_attempt_failures_total',
    help: 'Attempts without a usable answer.',
    type: 'counter',
    samples: rows.map((row) => ({ labels: labels(row), value: row.failures })),
  }
  yield gauge(
    'backplane_gateway_instance_in_flight',
    'Requests in flight to an instance.',
    (row) => row.inFlight,
  )
  yield gauge(
    'backplane_gateway_instance_connections',
    'Open connections to an instance.',
    (row) => row.connections,
  )
  yield gauge(
    'backplane_gateway_instance_ejected',
    '1 while at least one worker leaves the instance out.',
    (row) => Number(row.ejectedUntilMs > 0),
  )
}

function* dataFamilies(needs: ConsoleNeeds): Generator<MetricFamily> {
  const data = needs.gateway.totals.process()
  yield {
    name: 'backplane_gateway_connections',
    help: 'Client connections by worker.',
    type: 'gauge',
    samples: (data?.connections ?? []).map((value, at) => ({
      labels: { worker: String(at) },
      value,
    })),
  }
  yield {
    name: 'backplane_gateway_limited_total',
    help: 'Connections and requests that met a limit, by its name.',
    type: 'counter',
    samples: Object.entries(data?.limited ?? {}).map(([limit, value]) => ({
      labels: { limit },
      value,
    })),
  }
  yield {
    name: 'backplane_gateway_access_log_dropped_total',
    help: 'Access log lines that were dropped because the disk was too slow.',
    type: 'counter',
    samples: [{ labels: {}, value: data?.accessLogDropped ?? 0 }],
  }
  yield {
    name: 'backplane_gateway_access_log_lost_total',
    help: 'Access log lines that the disk refused, such as a full one.',
    type: 'counter',
    samples: [{ labels: {}, value: data?.accessLogLost ?? 0 }],
  }
  yield {
    name: 'backplane_gateway_records_dropped_total',
    help: 'Finished requests that telemetry was not told of, because it was away or too slow.',
    type: 'counter',
    samples: [{ labels: {}, value: data?.recordsDropped ?? 0 }],
  }
}

/** Counted in discovery: a view shows only the first instances of a large service. */
function* serviceFamilies(
  needs: ConsoleNeeds,
  services: readonly ServiceView[],
): Generator<MetricFamily> {
  yield {
    name: 'backplane_discovery_instances',
    help: 'Instances by service and health.',
    type: 'gauge',
    samples: services.flatMap((service) =>
      [...Map.groupBy(needs.discovery.instances(service.name), (one) => one.health)].map(
        ([health, all]) => ({
          labels: { service: service.name, health },
          value: all.length,
        }),
      ),
    ),
  }
  yield {
    name: 'backplane_discovery_routable_instances',
    help: 'Instances in rotation.',
    type: 'gauge',
    samples: services.map((service) => ({
      labels: { service: service.name },
      value: service.routableCount,
    })),
  }
}

function* processFamilies(needs: ConsoleNeeds): Generator<MetricFamily> {
  const statuses = needs.processes
    .services()
    .flatMap((run) =>
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
