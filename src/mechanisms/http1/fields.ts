import {
  COLON,
  CR,
  HTAB,
  LF,
  SP,
  createWordView,
  isToken,
  latin1,
  skipFieldContent,
  skipOws,
  skipToken,
  trimOws,
} from './bytes.ts'
import { HEAD_ERROR } from './errors.ts'
import { FieldMemory, type FieldPlaces } from './known-fields.ts'
import { FIELD, fieldId, identifyName } from './names.ts'

/** The validated field lines of one message, as positions into its bytes. Reused from message to message: nothing in it is an object a line. */
export interface FieldTable extends FieldPlaces {
  /** Start of the first field line. */
  start: number
  /** Start of the line at which parsing goes on when more bytes have come. */
  lineStart: number
  /** Field lines that came before. */
  readonly memory: FieldMemory
}

/** A table for at most `fieldsMax` fields; one more is refused with HEAD_ERROR.tooManyFields. */
export function createFieldTable(fieldsMax: number): FieldTable {
  return {
    offsets: new Int32Array(fieldsMax * 4),
    ids: new Uint8Array(fieldsMax),
    count: 0,
    start: 0,
    lineStart: 0,
    view: createWordView(),
    memory: new FieldMemory(),
  }
}

/**
 * Reads field lines from `lineStart` on, up to and including the empty line. Returns the position behind it, 0 if [.., end) ends before
 * it (then `lineStart` says where to go on), or a negative HEAD_ERROR. RFC 9112 section 5, without obs-fold, bare CR and bare LF.
 */
export function parseFieldLines(bytes: Uint8Array, end: number, table: FieldTable): number {
  let at = table.lineStart
  const isBeginning = at === table.start
  if (isBeginning && bytes === table.view.bytes) {
    const known = table.memory.recall(at, end, table)
    if (known > 0) return known
  }
  while (at < end) {
    if (bytes[at] === CR) {
      if (at + 1 === end) break
      if (bytes[at + 1] !== LF) return HEAD_ERROR.lineEnding
      if (isBeginning) table.memory.keep(bytes, table.start, at + 2, end, table)
      return at + 2
    }
    const next = parseFieldLine(bytes, at, end, table)
    if (next < 0) return next
    if (next === 0) break
    at = next
  }
  table.lineStart = at
  return 0
}

function parseFieldLine(bytes: Uint8Array, start: number, end: number, table: FieldTable): number {
  let at = skipToken(bytes, start, end)
  if (at === end) return 0
  if (at === start || bytes[at] !== COLON) return explainName(bytes, start, at, end)
  const nameEnd = at
  const valueStart = skipOws(bytes, nameEnd + 1, end)
  at = skipFieldContent(bytes, valueStart, end, table.view)
  if (at === end) return 0
  if (bytes[at] !== CR) return bytes[at] === LF ? HEAD_ERROR.lineEnding : HEAD_ERROR.controlByte
  if (at + 1 === end) return 0
  if (bytes[at + 1] !== LF) return HEAD_ERROR.lineEnding
  return addField(bytes, start, nameEnd, valueStart, trimOws(bytes, valueStart, at), at + 2, table)
}

/** Adds a field whose line is known to be valid; `next` is the position behind its line, and returned. Or HEAD_ERROR.tooManyFields. */
export function addField(
  bytes: Uint8Array,
  nameStart: number,
  nameEnd: number,
  valueStart: number,
  valueEnd: number,
  next: number,
  table: FieldTable,
): number {
  const field = table.count
  if (field === table.ids.length) return HEAD_ERROR.tooManyFields
  const id = identifyName(bytes, nameStart, nameEnd)
  const offsets = table.offsets
  offsets[field * 4] = nameStart
  offsets[field * 4 + 1] = nameEnd
  offsets[field * 4 + 2] = valueStart
  offsets[field * 4 + 3] = valueEnd
  table.ids[field] = id < 0 ? aliasId(-id) : id
  table.count = field + 1
  return next
}

/** Names that imitate a framing, trust or hop-by-hop field are marked; those that imitate a harmless one are just names. */
function aliasId(id: number): number {
  if (id === FIELD.contentLength || id === FIELD.transferEncoding) return FIELD.framingAlias
  const isTrusted =
    (id >= FIELD.keepAlive && id <= FIELD.http2Settings) ||
    (id >= FIELD.forwarded && id <= FIELD.xRequestId) ||
    id === FIELD.clientCert ||
    id === FIELD.clientCertChain
  return isTrusted ? FIELD.alias : FIELD.other
}

function explainName(bytes: Uint8Array, start: number, at: number, end: number): number {
  const byte = bytes[at]!
  if (byte === LF) return HEAD_ERROR.lineEnding
  if (byte === CR)
    return at + 1 < end && bytes[at + 1] !== LF ? HEAD_ERROR.lineEnding : HEAD_ERROR.fieldName
  if (byte !== SP && byte !== HTAB) return HEAD_ERROR.fieldName
  return at === start ? HEAD_ERROR.lineFolding : HEAD_ERROR.spaceBeforeColon
}

/** The place of the first field with this number of FIELD at or behind `from`, or -1. */
export function findField(table: FieldTable, id: number, from = 0): number {
  const { ids, count } = table
  for (let field = from; field < count; field++) {
    if (ids[field] === id) return field
  }
  return -1
}

/** True if the field at this place has the name. For names without a number; those with one compare `ids`. */
export function isFieldNamed(
  bytes: Uint8Array,
  table: FieldTable,
  field: number,
  lowerCaseName: string,
): boolean {
  return isToken(bytes, table.offsets[field * 4]!, table.offsets[field * 4 + 1]!, lowerCaseName)
}

/** The value of the field at this place, one UTF-16 unit a byte. */
export function fieldValue(bytes: Uint8Array, table: FieldTable, field: number): string {
  return latin1(bytes, table.offsets[field * 4 + 2]!, table.offsets[field * 4 + 3]!)
}

/**
 * All values of a field, joined by ', ' (RFC 9110 section 5.3), cookies by '; ' (RFC 6265bis); undefined if the message has none.
 * Costs a scan and a string: for routing rules and telemetry, not for each field of each request.
 */
export function valueOf(
  bytes: Uint8Array,
  table: FieldTable,
  lowerCaseName: string,
): string | undefined {
  const id = fieldId(lowerCaseName)
  const isShared = id === FIELD.other || id === FIELD.xForwardedOther
  const separator = id === FIELD.cookie ? '; ' : ', '
  let value: string | undefined
  for (let field = 0; field < table.count; field++) {
    if (table.ids[field] !== id) continue
    if (isShared && !isFieldNamed(bytes, table, field, lowerCaseName)) continue
    const one = fieldValue(bytes, table, field)
    value = value === undefined ? one : value + separator + one
  }
  return value
}

/** Moves all positions by `distance`, after the bytes were copied to another place. */
export function moveFields(table: FieldTable, distance: number): void {
  const { offsets } = table
  const last = table.count * 4
  for (let i = 0; i < last; i++) offsets[i] = offsets[i]! + distance
  table.start += distance
  table.lineStart += distance
}
