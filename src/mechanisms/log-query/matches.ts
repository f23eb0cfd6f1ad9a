import type { Comparison, Expression } from './expression.ts'
import { levelOf } from './severity.ts'

/** What a search looks at: a record with its columns by name, and its attributes. */
export interface Searched {
  readonly body: string
  /** The value of a column or an attribute; undefined: there is none. */
  field(name: string): string | number | boolean | null | undefined
}

/** Whether a record is one that the search asks for: the same answer that the store gives by SQL. */
export function matches(expression: Expression, record: Searched): boolean {
  switch (expression.kind) {
    case 'all':
      return true
    case 'and':
      return expression.parts.every((part) => matches(part, record))
    case 'or':
      return expression.parts.some((part) => matches(part, record))
    case 'not':
      return !matches(expression.part, record)
    case 'text':
      return hasText(record.body, expression.text)
    case 'exists':
      return valueOf(record, expression.field) !== undefined
    case 'equals':
      return fitsPieces(valueOf(record, expression.field), expression.pieces)
    case 'compare':
      return compares(numberOf(record, expression.field), expression.operator, expression.value)
    default:
      return expression satisfies never
  }
}

function hasText(body: string, text: string): boolean {
  return isLower(text) ? body.toLowerCase().includes(text) : body.includes(text)
}

/** Whether a text is looked for in any case: it has no upper case itself. */
export function isLower(text: string): boolean {
  return text === text.toLowerCase()
}

/** An empty column is one that is not there. */
function valueOf(record: Searched, field: string): string | undefined {
  if (field === 'level') return levelOf(Number(record.field('severity'))) || undefined
  const value = record.field(field)
  return value === undefined || value === null || value === '' ? undefined : String(value)
}

function fitsPieces(value: string | undefined, pieces: readonly string[]): boolean {
  if (value === undefined) return false
  if (pieces.length === 1) return value === pieces[0]
  const first = pieces[0]!
  const last = pieces.at(-1)!
  if (!value.startsWith(first) || value.length < first.length + last.length) return false
  if (!value.endsWith(last)) return false
  let at = first.length
  const end = value.length - last.length
  for (const piece of pieces.slice(1, -1)) {
    const found = value.indexOf(piece, at)
    if (found < 0 || found + piece.length > end) return false
    at = found + piece.length
  }
  return true
}

function numberOf(record: Searched, field: string): number | undefined {
  const value = valueOf(record, field)
  return value !== undefined && /^\s*-?\d+(?:\.\d+)?(?:e[+-]?\d+)?\s*$/i.test(value)
    ? Number(value)
    : undefined
}

function compares(value: number | undefined, operator: Comparison, than: number): boolean {
  if (value === undefined) return false
  switch (operator) {
    case '>':
      return value > than
    case '>=':
      return value >= than
    case '<':
      return value < than
    case '<=':
      return value <= than
    default:
      return operator satisfies never
  }
}
