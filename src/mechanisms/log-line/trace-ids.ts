/** Where a text says of which trace it is. */
export interface TraceIds {
  readonly trace: string
  /** '' where it is not said. */
  readonly span: string
}

const PARENT = /\b00-([0-9a-f]{32})-([0-9a-f]{16})-0[0-9a-f]\b/
const NAMED = /\btrace[._-]?id["']?\s{0,4}[=:]\s{0,4}["']?([0-9a-f]{32})\b/i
const NAMED_SPAN = /\bspan[._-]?id["']?\s{0,4}[=:]\s{0,4}["']?([0-9a-f]{16})\b/i

/** Ids in a text: a `traceparent` (W3C Trace Context), or `trace_id=...` and its relatives. */
export function traceIdsIn(text: string): TraceIds | undefined {
  // Most texts have none, and looking for it is quick.
  if (text.length < 32) return undefined
  const parent = text.includes('00-') ? PARENT.exec(text) : null
  if (parent !== null) return { trace: parent[1]!, span: parent[2]! }
  const named = NAMED.exec(text)
  if (named === null) return undefined
  return { trace: named[1]!.toLowerCase(), span: NAMED_SPAN.exec(text)?.[1]?.toLowerCase() ?? '' }
}

/** 32 hexadecimal digits that are not all zero; '' for anything else. */
export function traceIdOf(text: string): string {
  return /^[0-9a-f]{32}$/i.test(text) && !/^0+$/.test(text) ? text.toLowerCase() : ''
}

/** 16 hexadecimal digits that are not all zero; '' for anything else. */
export function spanIdOf(text: string): string {
  return /^[0-9a-f]{16}$/i.test(text) && !/^0+$/.test(text) ? text.toLowerCase() : ''
}
