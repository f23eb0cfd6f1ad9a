import type { MetricFamily, MetricSample } from '../../platform/metrics-text.ts'
import { histogramSamples } from '../../platform/metrics-text.ts'
import {
  LATENCY_BOUNDS_MS,
  type DataTotals,
  type EdgeTotals,
  type InstanceTotals,
} from '../../contracts/snapshot.ts'
import type { TotalsStore } from './totals.ts'

const boundsSeconds = LATENCY_BOUNDS_MS.map((bound) => bound / 1000)
const classes = ['none', '1xx', '2xx', '3xx', '4xx', '5xx']

/** What the data plane has counted, by edge, by instance and in all. */
export function* gatewayMetrics(
  totals: Pick<TotalsStore, 'edges' | 'instances' | 'process'>,
): Generator<MetricFamily> {
  yield* edgeFamilies([...totals.edges()])
  yield* instanceFamilies([...totals.instances()])
  yield* dataFamilies(totals.process())
}

/** The caller is empty for clients of the gateway, and where callers share an outbound listener (those rows have no route). */
function edgeLabels(row: EdgeTotals): Record<string, string> {
  return {
    caller: row.caller,
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

function* dataFamilies(data: DataTotals | undefined): Generator<MetricFamily> {
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
    name: 'backplane_gateway_http2_connections',
    help: 'Client connections that speak HTTP/2.',
    type: 'gauge',
    samples: [{ labels: {}, value: data?.http2?.connections ?? 0 }],
  }
  yield {
    name: 'backplane_gateway_http2_streams',
    help: 'Requests on HTTP/2 connections of clients.',
    type: 'gauge',
    samples: [{ labels: {}, value: data?.http2?.streams ?? 0 }],
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
    name: 'backplane_gateway_tls_handshakes_total',
    help: 'TLS handshakes by result: a version, with or without resumption, or why there was no connection.',
    type: 'counter',
    samples: Object.entries(data?.handshakes ?? {}).map(([result, value]) => ({
      labels: { result },
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
