/** A part of a query, as offsets into its text; `end` is behind the last character. */
export interface TextRange {
  readonly start: number
  readonly end: number
}

/** A query that is no query. `message` is word for word what Prometheus says, with line and column. */
export class ParseError extends Error {
  readonly code = 'ERR_QUERY_PARSE'
  readonly range: TextRange
  /** The message without the position. */
  readonly problem: string

  constructor(query: string, range: TextRange, problem: string) {
    super(`${positionOf(query, range.start)}: parse error: ${problem}`)
    this.range = range
    this.problem = problem
  }
}

/** Line and column, both from 1. Columns count bytes of UTF-8, as Prometheus does. */
export function positionOf(query: string, offset: number): string {
  if (query === '') return 'unknown position'
  const before = query.slice(0, offset)
  const line = before.split('\n').length
  const lineStart = before.lastIndexOf('\n') + 1
  return `${line}:${byteLength(before.slice(lineStart)) + 1}`
}

function byteLength(text: string): number {
  let length = 0
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0
    length += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4
  }
  return length
}
