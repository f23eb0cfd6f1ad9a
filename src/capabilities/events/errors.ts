import { ProblemError } from '../../platform/problem.ts'

const STATUS = {
  ERR_EVENTS_INVALID: 400,
  ERR_EVENTS_NAME_RESERVED: 400,
  ERR_EVENTS_FILTER_INVALID: 400,
  ERR_EVENTS_TOO_LARGE: 413,
  ERR_EVENTS_CONFLICT: 412,
  ERR_EVENTS_STREAM_UNKNOWN: 404,
  ERR_EVENTS_STREAM_DELETED: 410,
  ERR_EVENTS_CORRUPT: 500,
  ERR_EVENTS_BUSY: 503,
  ERR_EVENTS_CLOSED: 503,
  ERR_EVENTS_GROUP_UNKNOWN: 404,
  ERR_EVENTS_GROUP_EXISTS: 409,
  ERR_EVENTS_GROUP_FULL: 503,
  ERR_EVENTS_LIMIT: 503,
} as const

export type EventsErrorCode = keyof typeof STATUS

/** Why the event store refuses: with a status for HTTP. */
export class EventsError extends ProblemError {
  declare readonly code: EventsErrorCode

  constructor(
    code: EventsErrorCode,
    message: string,
    fields: Readonly<Record<string, unknown>> = {},
  ) {
    super(STATUS[code], code, message, fields)
  }
}
