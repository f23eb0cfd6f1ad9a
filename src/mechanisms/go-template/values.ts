import { formatGeneral } from '../go-text/go-text.ts'

/**
 * A value of a template. Go tells whole numbers from others: here a bigint is an int, a number a float64. A map's missing entries are
 * empty texts (`missingkey=zero` on maps of texts). A record is a struct: a field that it does not have is an error.
 */
export type TemplateValue =
  | undefined
  | string
  | number
  | bigint
  | boolean
  | readonly TemplateValue[]
  | ReadonlyMap<string, TemplateValue>
  | TemplateRecord

/** A struct of Go with named fields. */
export interface TemplateRecord {
  readonly fields: ReadonlyMap<string, TemplateValue>
  /** How it is printed. */
  readonly text: () => string
}

/** A function that a template may call; it may wait for its answer. What it throws ends the template. */
export type TemplateFunction = (
  args: readonly TemplateValue[],
) => TemplateValue | Promise<TemplateValue>

/** A template that cannot be read or run; the message says where in the template, as Go does. */
export class TemplateError extends Error {
  readonly code = 'ERR_ALERTS_TEMPLATE'

  constructor(message: string) {
    super(message)
    this.name = 'TemplateError'
  }
}

/** Whether it is a list. */
export function isList(value: TemplateValue): value is readonly TemplateValue[] {
  return Array.isArray(value)
}

/** Whether it is a map. */
export function isMap(value: TemplateValue): value is ReadonlyMap<string, TemplateValue> {
  return value instanceof Map
}

/** Whether it is a struct. */
export function isRecord(value: TemplateValue): value is TemplateRecord {
  return typeof value === 'object' && 'fields' in value
}

/** What `if`, `and` and `or` take for true: everything that is not the zero value of its type, and every struct. */
export function isTrue(value: TemplateValue): boolean {
  if (value === undefined || value === false || value === '' || value === 0 || value === 0n) {
    return false
  }
  if (isList(value)) return value.length > 0
  if (isMap(value)) return value.size > 0
  return true
}

/** A value as `%v` prints it. */
export function textOf(value: TemplateValue): string {
  if (value === undefined) return '<no value>'
  if (typeof value === 'string') return value
  if (typeof value === 'number') return formatGeneral(value)
  if (typeof value === 'bigint' || typeof value === 'boolean') return String(value)
  if (isList(value)) return `[${value.map(textOf).join(' ')}]`
  if (isRecord(value)) return value.text()
  const entries = [...value].toSorted(([one], [other]) => (one < other ? -1 : 1))
  return `map[${entries.map(([key, entry]) => `${key}:${textOf(entry)}`).join(' ')}]`
}

/** The name of a value's type, for messages. */
export function typeNameOf(value: TemplateValue): string {
  if (value === undefined) return 'nil'
  if (typeof value === 'string') return 'string'
  if (typeof value === 'number') return 'float64'
  if (typeof value === 'bigint') return 'int'
  if (typeof value === 'boolean') return 'bool'
  if (isList(value)) return 'list'
  return isMap(value) ? 'map' : 'struct'
}
