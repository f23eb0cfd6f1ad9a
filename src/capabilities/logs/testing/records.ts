import type { LogRecord, SpanRecord } from '../../../contracts/signals.ts'

/** A log record with what a test says of it. */
export function logRecord(fields: Partial<LogRecord> = {}): LogRecord {
  return {
    time: 1_795_900_000_000_000,
    observed: 1_795_900_000_000_000,
    severity: 9,
    service: 'orders',
    instance: 'orders-1',
    source: 'stdout',
    trace: '',
    span: '',
    body: 'it was done',
    attributes: '{}',
    ...fields,
  }
}

/** A span with what a test says of it. */
export function spanRecord(fields: Partial<SpanRecord> = {}): SpanRecord {
  return {
    time: 1_795_900_000_000_000,
    observed: 1_795_900_000_000_000,
    duration: 5_000_000,
    service: 'orders',
    instance: 'orders-1',
    source: 'otlp',
    trace: 'ab'.repeat(16),
    span: 'cd'.repeat(8),
    parent: '',
    name: 'GET /orders',
    kind: 'server',
    status: 'unset',
    message: '',
    events: '[]',
    attributes: '{}',
    ...fields,
  }
}
