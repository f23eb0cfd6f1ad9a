import type { LogRecord, SpanRecord } from '../../../contracts/signals.ts'

/** One line of a segment, with its end. `seq` tells records of the same moment apart, and rises. */
export function encodeLog(record: LogRecord, seq: number): string {
  const { time, observed, severity } = record
  return `{"time":${time},"observed":${observed},"seq":${seq},"severity":${severity},"service":${JSON.stringify(record.service)},"instance":${JSON.stringify(record.instance)},"source":"${record.source}","trace":"${record.trace}","span":"${record.span}","body":${JSON.stringify(record.body)},"attributes":${record.attributes}}\n`
}

/** The same of a span. */
export function encodeSpan(record: SpanRecord, seq: number): string {
  const { time, observed, duration, kind, status } = record
  return `{"time":${time},"observed":${observed},"seq":${seq},"duration":${duration},"service":${JSON.stringify(record.service)},"instance":${JSON.stringify(record.instance)},"source":"${record.source}","trace":"${record.trace}","span":"${record.span}","parent":"${record.parent}","name":${JSON.stringify(record.name)},"kind":"${kind}","status":"${status}","message":${JSON.stringify(record.message)},"events":${record.events},"attributes":${record.attributes}}\n`
}
