import type { Expression } from './expression.ts'
import { isLower } from './matches.ts'

/** Which fields are columns of a signal; all others are attributes. */
export interface Columns {
  /** By the name in a search: its SQL, which is text or a number. */
  readonly texts: ReadonlyMap<string, string>
  readonly numbers: ReadonlyMap<string, string>
  /** Where words are looked for. */
  readonly body: string
}

/** The condition in DuckDB's SQL. Values are quoted; nothing of the search stands in it bare. */
export function conditionOf(expression: Expression, columns: Columns): string {
  switch (expression.kind) {
    case 'all':
      return 'true'
    case 'and':
    case 'or':
      return `(${expression.parts.map((part) => conditionOf(part, columns)).join(` ${expression.kind} `)})`
    case 'not':
      return `not coalesce(${conditionOf(expression.part, columns)}, false)`
    case 'text':
      return isLower(expression.text)
        ? `contains(lower(${columns.body}), ${quoteText(expression.text)})`
        : `contains(${columns.body}, ${quoteText(expression.text)})`
    case 'exists':
      return existsOf(expression.field, columns)
    case 'equals':
      return equalsOf(expression.field, expression.pieces, columns)
    case 'compare': {
      const number = numberOf(expression.field, columns)
      return `coalesce(isfinite(${number}) and ${number} ${expression.operator} ${sqlNumber(expression.value)}, false)`
    }
    default:
      return expression satisfies never
  }
}

/** A text as SQL writes it. */
export function quoteText(text: string): string {
  // A zero character ends the statement for the engine, and no column has one.
  return `'${text.replaceAll('\0', '').replaceAll("'", "''")}'`
}

/** The value of a field as text. */
export function textOfField(field: string, columns: Columns): string {
  const number = columns.numbers.get(field)
  return (
    columns.texts.get(field) ?? (number === undefined ? attributeOf(field) : `(${number})::VARCHAR`)
  )
}

function sqlNumber(value: number): string {
  return `${value}::DOUBLE`
}

/** Names are paths with dots, as they stand in the flat object. */
function attributeOf(field: string): string {
  const path = `$."${field.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
  return `json_extract_string(attributes, ${quoteText(path)})`
}

function existsOf(field: string, columns: Columns): string {
  const column = columns.texts.get(field) ?? columns.numbers.get(field)
  if (column !== undefined) return `coalesce((${column})::VARCHAR <> '', false)`
  return `(contains(attributes, ${quoteText(JSON.stringify(field))}) and coalesce(${attributeOf(field)} <> '', false))`
}

function equalsOf(field: string, pieces: readonly string[], columns: Columns): string {
  const fits = fitsPieces(textOfField(field, columns), pieces)
  const isColumn = columns.texts.has(field) || columns.numbers.has(field)
  // Looking for the bytes first is many times cheaper than reading the JSON of each record; what JSON writes otherwise is not looked for.
  const longest = pieces.reduce((a, b) => (b.length > a.length ? b : a), '')
  const isPlain = longest !== '' && /^[\w .:/@+-]+$/.test(longest) && !longest.includes('/')
  const first = isColumn || !isPlain ? '' : `contains(attributes, ${quoteText(longest)}) and `
  return `(${first}coalesce(${fits}, false))`
}

function fitsPieces(value: string, pieces: readonly string[]): string {
  if (pieces.length === 1) return `${value} = ${quoteText(pieces[0]!)} and ${value} <> ''`
  const pattern = pieces.map((piece) => piece.replaceAll(/[\\%_]/g, '\\$&')).join('%')
  return `${value} like ${quoteText(pattern)} escape '\\' and ${value} <> ''`
}

function numberOf(field: string, columns: Columns): string {
  const column = columns.numbers.get(field)
  if (column !== undefined) return `(${column})::DOUBLE`
  return `try_cast(${textOfField(field, columns)} as DOUBLE)`
}
