import type { LogRecord, SpanRecord } from '../../../contracts/signals.ts'

/** Of a record that would be too long these many characters of its texts stay. */
const CUT_LENGTH = 64 * 1024

/** A record whose line would be too long, cut to what is read in any case: the begin of its texts, and how long it was. */
export function cutRecord<One extends LogRecord | SpanRecord>(record: One, length: number): One {
  const attributes = `{"backplane.record.length":${length}}`
  return 'body' in record
    ? { ...record, body: record.body.slice(0, CUT_LENGTH).toWellFormed(), attributes }
    : {
        ...record,
        name: record.name.slice(0, CUT_LENGTH).toWellFormed(),
        message: record.message.slice(0, CUT_LENGTH).toWellFormed(),
        events: '[]',
        attributes,
      }
}

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
