import type { LogRecord } from '../../../contracts/signals.ts'
import { AttributeText } from '../../../mechanisms/log-line/attribute-text.ts'
import type { LineFields } from '../../../mechanisms/log-line/document.ts'

/** Who sent something and how, as far as the protocol says it. */
export interface Origin {
  readonly service: string
  readonly instance: string
  readonly source: string
}

/** What all decoders are given: when it came, and a place to put attributes together. */
export interface DecodeGround {
  /** Unix microseconds. */
  readonly observed: number
  readonly attributes: AttributeText
}

/** One for each request. */
export function createGround(nowMs: number): DecodeGround {
  return { observed: nowMs * 1_000, attributes: new AttributeText() }
}

/** A record of what a line or document says; the attributes that were gathered go into it. */
export function recordOf(fields: LineFields, origin: Origin, ground: DecodeGround): LogRecord {
  return {
    time: fields.time === 0 ? ground.observed : fields.time,
    observed: ground.observed,
    severity: fields.severity,
    service: fields.service === '' ? origin.service : fields.service,
    instance: origin.instance,
    source: origin.source,
    trace: fields.trace,
    span: fields.span,
    body: fields.body,
    attributes: ground.attributes.finish(),
  }
}
