/** What a route may ask of the request beside host, path and method. */
export interface RequestFields {
  /** Value of a header by its lower-case name; the first one where there are several. */
  header(lowerName: string): string | undefined
  /** What follows the `?`, undecoded; '' for none. */
  readonly query: string
}

/** The conditions of one route, ready to be asked. */
export interface Conditions {
  /** Empty: any. GET includes HEAD (RFC 9110 section 9.1: who supports one supports both). */
  readonly methods: readonly string[]
  readonly headers: readonly FieldCondition[]
  readonly query: readonly FieldCondition[]
}

export interface FieldCondition {
  readonly name: string
  /** undefined: present with any value. */
  readonly value: string | undefined
}

/** `{ name: value }` with `*` for present. */
export function compileFields(
  fields: Readonly<Record<string, string>>,
  nameOf: (name: string) => string,
): FieldCondition[] {
  return Object.entries(fields).map(([name, value]) => ({
    name: nameOf(name),
    value: value === '*' ? undefined : value,
  }))
}

/** No methods means all; GET includes HEAD (RFC 9110 section 9.3.2). */
export function allowsMethod(conditions: Conditions, method: string): boolean {
  const { methods } = conditions
  return methods.length === 0 || methods.includes(method)
}

/** Every header and query condition of the route holds. */
export function meetsFields(conditions: Conditions, fields: RequestFields): boolean {
  for (const { name, value } of conditions.headers) {
    const actual = fields.header(name)
    if (actual === undefined || (value !== undefined && actual !== value)) return false
  }
  for (const { name, value } of conditions.query) {
    const actual = queryValue(fields.query, name)
    if (actual === undefined || (value !== undefined && actual !== value)) return false
  }
  return true
}

/**
 * Decoded value of the first parameter of that name in a query string (application/x-www-form-urlencoded: `+` is a
 * space); '' for one without `=`; undefined when it is absent. What is no valid encoding is taken as it stands.
 */
export function queryValue(query: string, name: string): string | undefined {
  let start = 0
  while (start < query.length) {
    let end = query.indexOf('&', start)
    if (end < 0) end = query.length
    let equals = query.indexOf('=', start)
    if (equals < 0 || equals > end) equals = end
    if (decodeForm(query.slice(start, equals)) === name && end > start) {
      return decodeForm(query.slice(equals + 1, Math.max(equals + 1, end)))
    }
    start = end + 1
  }
  return undefined
}

function decodeForm(text: string): string {
  if (!/[%+]/.test(text)) return text
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return text
  }
}
