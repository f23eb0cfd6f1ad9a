import type { LogRecord } from '../../../contracts/signals.ts'
import { AttributeText } from '../../../mechanisms/log-line/attribute-text.ts'
import type { LineFields } from '../../../mechanisms/log-line/document.ts'
import { ProblemError } from '../../../platform/problem.ts'

/** Records of one request: an empty one has two bytes on its way, and hundreds in memory. */
export const REQUEST_RECORDS_MAX = 200_000

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
  /** Called for each record, and for each group of them. Throws `ProblemError`, 413, where there are too many. */
  count(): void
  /** Throws the same where so many are too many. */
  bound(count: number): void
}

/** One for each request. */
export function createGround(nowMs: number, recordsMax = REQUEST_RECORDS_MAX): DecodeGround {
  let seen = 0
  const bound = (count: number): void => {
    if (count <= recordsMax) return
    throw new ProblemError(
      413,
      'ERR_LOGS_BODY_SIZE',
      `The request has more than ${recordsMax} records.`,
    )
  }
  return {
    observed: nowMs * 1_000,
    attributes: new AttributeText(),
    count: () => bound(++seen),
    bound,
  }
}

/** A record of what a line or document says; the attributes that were gathered go into it. */
export function recordOf(fields: LineFields, origin: Origin, ground: DecodeGround): LogRecord {
  ground.count()
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
