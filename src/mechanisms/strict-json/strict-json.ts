/** A JSON value; objects are Maps, so that no name of a stranger (`__proto__`) means anything. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | ReadonlyMap<string, JsonValue>

/** What a text may have. */
export interface StrictJsonLimits {
  /** Arrays and objects within each other; 1 is a flat object. */
  readonly depthMax: number
  /** Values in all, names of members not counted. */
  readonly valuesMax: number
}

/** Why a text is refused. */
export type StrictJsonFault = 'syntax' | 'duplicate-name' | 'too-deep' | 'too-many' | 'number'

/** A text that is refused; `fault` says why. */
export class StrictJsonError extends Error {
  override readonly name = 'StrictJsonError'
  readonly code = 'ERR_STRICT_JSON'
  readonly fault: StrictJsonFault

  constructor(fault: StrictJsonFault, at: number) {
    super(`the text is no JSON that is taken: ${fault} at ${at}`)
    this.fault = fault
  }
}

/**
 * Reads JSON (RFC 8259) where two readers must never understand different things: a name that stands twice in one object is refused (RFC 7515 section 4
 * and RFC 7519 section 4 leave a choice), and so are numbers beyond what a double holds. Depth and count are bounded, so the stack is.
 * @throws StrictJsonError
 */
export function parseStrictJson(text: string, limits: StrictJsonLimits): JsonValue {
  const reader: Reader = { text, at: 0, left: limits.valuesMax, ...createPatterns() }
  const value = readValue(reader, limits.depthMax)
  skipSpace(reader)
  if (reader.at !== text.length) throw fault(reader, 'syntax')
  return value
}

interface Reader {
  readonly text: string
  at: number
  left: number
  /** Sticky, so each reader has its own. */
  readonly number: RegExp
  readonly string: RegExp
}

function fault(reader: Reader, kind: StrictJsonFault): StrictJsonError {
  return new StrictJsonError(kind, reader.at)
}

function skipSpace(reader: Reader): void {
  for (;;) {
    const char = reader.text.charCodeAt(reader.at)
    if (char !== 0x20 && char !== 0x0a && char !== 0x0d && char !== 0x09) return
    reader.at++
  }
}

function readValue(reader: Reader, depth: number): JsonValue {
  skipSpace(reader)
  if (reader.left-- <= 0) throw fault(reader, 'too-many')
  switch (reader.text.charAt(reader.at)) {
    case '{':
      return readObject(reader, depth)
    case '[':
      return readArray(reader, depth)
    case '"':
      return readString(reader)
    case 't':
      return readWord(reader, 'true', true)
    case 'f':
      return readWord(reader, 'false', false)
    case 'n':
      return readWord(reader, 'null', null)
    default:
      return readNumber(reader)
  }
}

function readWord<Value>(reader: Reader, word: string, value: Value): Value {
  if (!reader.text.startsWith(word, reader.at)) throw fault(reader, 'syntax')
  reader.at += word.length
  return value
}

function createPatterns(): Pick<Reader, 'number' | 'string'> {
  return {
    number: /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y,
    // oxlint-disable-next-line no-control-regex
    string: /"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y,
  }
}

function readNumber(reader: Reader): number {
  reader.number.lastIndex = reader.at
  const found = reader.number.exec(reader.text)
  if (found === null) throw fault(reader, 'syntax')
  const value = Number(found[0])
  if (!Number.isFinite(value)) throw fault(reader, 'number')
  reader.at += found[0].length
  return value
}

function readString(reader: Reader): string {
  reader.string.lastIndex = reader.at
  const found = reader.string.exec(reader.text)
  if (found === null) throw fault(reader, 'syntax')
  reader.at += found[0].length
  return JSON.parse(found[0]) as string
}

function readArray(reader: Reader, depth: number): readonly JsonValue[] {
  if (depth <= 0) throw fault(reader, 'too-deep')
  reader.at++
  const items: JsonValue[] = []
  skipSpace(reader)
  if (take(reader, ']')) return items
  for (;;) {
    items.push(readValue(reader, depth - 1))
    skipSpace(reader)
    if (take(reader, ']')) return items
    if (!take(reader, ',')) throw fault(reader, 'syntax')
  }
}

function readObject(reader: Reader, depth: number): ReadonlyMap<string, JsonValue> {
  if (depth <= 0) throw fault(reader, 'too-deep')
  reader.at++
  const members = new Map<string, JsonValue>()
  skipSpace(reader)
  if (take(reader, '}')) return members
  for (;;) {
    skipSpace(reader)
    const name = readString(reader)
    if (members.has(name)) throw fault(reader, 'duplicate-name')
    skipSpace(reader)
    if (!take(reader, ':')) throw fault(reader, 'syntax')
    members.set(name, readValue(reader, depth - 1))
    skipSpace(reader)
    if (take(reader, '}')) return members
    if (!take(reader, ',')) throw fault(reader, 'syntax')
  }
}

function take(reader: Reader, char: string): boolean {
  if (reader.text[reader.at] !== char) return false
  reader.at++
  return true
}
