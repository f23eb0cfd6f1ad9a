/** What a call is answered with. */
export interface Answer {
  readonly status: number
  readonly body: Body
  readonly fields: readonly Field[]
}

/** A field of the answer, besides those that every answer has. */
export type Field = readonly [name: string, value: string]

type Body =
  /** Written as JSON only when it is sent, so that `?pretty` is one place. */
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'bytes'; readonly contentType: string; readonly bytes: Uint8Array }

/** Something whose index rises with each change and never falls, and that can be waited for. */
export interface Topic {
  /** At least 1. */
  index(): number
  /** The highest index that anything of the same history has: one beyond it is of another history. */
  newest(): number
  /** Calls back after each change, or more often. Returns the end of it. */
  subscribe(changed: () => void): () => void
}

/** An answer that can be waited for: a blocking query. */
export interface Watched {
  readonly topic: Topic
  /** `hash`: agent endpoints, whose clients send the hash of what they know; all others send an index. */
  readonly by: 'index' | 'hash'
  /** The answer as it is now; a `ConsulError` is an answer, too. */
  read(): Answer
}

/** What a route gives. */
export type Reply = Answer | Watched | Promise<Answer>

/** JSON, with 200 where nothing else is said. */
export function json(value: unknown, status = 200, fields: readonly Field[] = []): Answer {
  return { status, body: { kind: 'json', value }, fields }
}

/** Plain text: all errors, and few else. */
export function text(body: string, status = 200, fields: readonly Field[] = []): Answer {
  return { status, body: { kind: 'text', text: body }, fields }
}

/** Bytes as they are. */
export function bytes(
  contentType: string,
  body: Uint8Array,
  fields: readonly Field[] = [],
): Answer {
  return { status: 200, body: { kind: 'bytes', contentType, bytes: body }, fields }
}

/** An answer that a client may wait for, by `?index` and `?wait`. */
export function watched(topic: Topic, read: () => Answer): Watched {
  return { topic, by: 'index', read }
}

/** An answer that a client may wait for, by `?hash` and `?wait`. Its body is JSON. */
export function hashed(topic: Topic, read: () => Answer): Watched {
  return { topic, by: 'hash', read }
}
