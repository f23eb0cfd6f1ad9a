/** What happened in the system, for people: `GET /api/v1/timeline`. Newest first, at most some thousand; older ones are forgotten. */
export interface TimelineEvent {
  /** Rises by one from event to event, also over restarts. */
  readonly seq: number
  /** Unix milliseconds. */
  readonly atMs: number
  readonly kind: TimelineKind
  readonly severity: 'info' | 'warning' | 'error'
  /** '' for what is about the whole system. */
  readonly service: string
  /** '' for what is about the whole service. */
  readonly instance: string
  /** One sentence without a point at its end. */
  readonly text: string
  /** More lines: the last output of a process that crashed, settings that changed. At most 4 KiB. */
  readonly detail?: string
}

/** `more`: a service had so many events that some are only counted. */
export type TimelineKind =
  | 'start'
  | 'end'
  | 'crash'
  | 'health'
  | 'registration'
  | 'ejection'
  | 'scale'
  | 'operator'
  | 'configuration'
  | 'system'
  | 'more'

/** What is noted; number and time are given to it. */
export type NotedEvent = Omit<TimelineEvent, 'seq' | 'atMs'>

/** Takes events of whoever knows of one. */
export interface Timeline {
  note(event: NotedEvent): void
}

/** Answer of `GET /api/v1/timeline`. */
export interface TimelinePage {
  readonly events: readonly TimelineEvent[]
  /** Of the newest event there is, 0 for none: `after` of the next question waits for a newer one. */
  readonly last: number
}
