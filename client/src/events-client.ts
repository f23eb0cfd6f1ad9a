/** What a stream must be like for an append: anything, not there, there, or with this last revision. */
export type Expected = 'any' | 'none' | 'exists' | number

/** An event that is to be stored. */
export interface NewRecord {
  readonly stream: string
  readonly type: string
  readonly data: unknown
  readonly metadata?: Readonly<Record<string, unknown>>
  /** A UUID: the same id again is the same event. */
  readonly id?: string
}

/** An event as the store has it. */
export interface RecordedEvent {
  readonly position: number
  readonly stream: string
  readonly revision: number
  readonly id: string
  readonly type: string
  /** ISO 8601. */
  readonly at: string
  readonly data: unknown
  readonly metadata?: Readonly<Record<string, unknown>>
}

/** What became of an append. `position` is a token: a read model that has it has all of this. */
export interface AppendResult {
  readonly position: number
  readonly streams: readonly { readonly stream: string; readonly revision: number }[]
  readonly isRepeated: boolean
}

/** A page of events. */
export interface EventsPage {
  readonly events: readonly RecordedEvent[]
  readonly next: number
  readonly isEnd: boolean
  /** Everything before this position was looked at, where the page is the last one. */
  readonly end: number
  readonly head: number | 'none' | 'deleted' | 'tombstoned'
}

/** What the store refused. `code` is stable: docs/errors.md explains each. */
export class EventStoreError extends Error {
  override readonly name: string = 'EventStoreError'
  readonly status: number
  readonly code: string

  constructor(status: number, code: string, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

/** A stream was not as expected: somebody else was quicker. */
export class ConflictError extends EventStoreError {
  override readonly name = 'ConflictError'
  readonly violations: readonly { readonly stream: string; readonly actual: number | string }[]

  constructor(message: string, violations: ConflictError['violations']) {
    super(412, 'ERR_EVENTS_CONFLICT', message)
    this.violations = violations
  }
}

/** The event store of a Backplane. All calls throw `EventStoreError`. */
export interface EventsClient {
  /** All of it or nothing. A stream that no event names is only checked. */
  append(
    streams: readonly { readonly stream: string; readonly expected: Expected }[],
    events: readonly NewRecord[],
  ): Promise<AppendResult>
  /** Every event of a stream, in order; none where it is not there. */
  readStream(stream: string): Promise<{
    readonly events: readonly RecordedEvent[]
    readonly revision: number | 'none'
  }>
  /** Events from a position on; waits up to `waitMs` where there is none. */
  readAll(options: {
    readonly from: number
    readonly category?: string
    readonly waitMs?: number
    readonly signal?: AbortSignal
  }): Promise<EventsPage>
}

/** Speaks HTTP to the event store at `url`, such as `http://127.0.0.1:2113`. */
export function connectEvents(url: string, token?: string): EventsClient {
  const base = `${url.replace(/\/$/, '')}/api/v1/events`
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` }

  async function call(method: string, path: string, body?: unknown, signal?: AbortSignal) {
    const response = await fetch(`${base}${path}`, {
      method,
      headers: {
        ...authorization,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    })
    const answer = (await response.json()) as Answer
    if (response.ok) return answer
    throw errorOf(response.status, answer)
  }

  return {
    async append(streams, events) {
      return (await call('POST', '/append', { streams, events })) as unknown as AppendResult
    },
    async readStream(stream) {
      const events: RecordedEvent[] = []
      let revision: number | 'none' = 'none'
      try {
        for (let from = 0, isEnd = false; !isEnd;) {
          const path = `/streams/${encodeURIComponent(stream)}?from=${from}&limit=1000`
          const page = (await call('GET', path)) as unknown as EventsPage
          events.push(...page.events)
          if (typeof page.head === 'number') revision = page.head
          from = page.next
          isEnd = page.isEnd
        }
      } catch (error) {
        if (!(error instanceof EventStoreError) || error.status !== 404) throw error
      }
      return { events, revision }
    },
    async readAll({ from, category, waitMs = 0, signal }) {
      const query = new URLSearchParams({ from: String(from), wait: String(waitMs), limit: '1000' })
      if (category !== undefined) query.set('category', category)
      return (await call(
        'GET',
        `/all?${query.toString()}`,
        undefined,
        signal,
      )) as unknown as EventsPage
    },
  }
}

/** Problem details (RFC 9457), or what was asked for. */
interface Answer {
  readonly detail?: string
  readonly code?: string
  readonly violations?: unknown
}

function errorOf(status: number, answer: Answer): EventStoreError {
  const { violations, code = '', detail = `The event store answered ${status}.` } = answer
  if (status === 412 && Array.isArray(violations)) {
    return new ConflictError(detail, violations as ConflictError['violations'])
  }
  return new EventStoreError(status, code, detail)
}
