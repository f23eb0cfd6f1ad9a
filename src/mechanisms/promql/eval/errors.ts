/** A query that is right by grammar and cannot be answered. `message` is Prometheus'. */
export class QueryError extends Error {
  readonly code = 'ERR_QUERY_EXECUTION'
}

/** A query that took longer than it may. */
export class QueryTimeoutError extends Error {
  readonly code = 'ERR_QUERY_TIMEOUT'

  constructor() {
    super('query timed out in expression evaluation')
  }
}

/** A query that nobody waits for any more. */
export class QueryCanceledError extends Error {
  readonly code = 'ERR_QUERY_CANCELED'

  constructor() {
    super('query was canceled in expression evaluation')
  }
}
