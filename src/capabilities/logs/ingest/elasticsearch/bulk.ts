import type { LogRecord } from '../../../../contracts/signals.ts'
import type { DecodeGround } from '../draft.ts'
import { recordOfDocument } from './document.ts'

/** Items of one request. */
const ITEMS_MAX = 200_000
const NEWLINE = 10

/** What became of one item, in the order of the request. */
export interface BulkItem {
  /** `index` or `create`, as it was asked for. */
  readonly action: string
  readonly index: string
  readonly id: string
  /** Undefined: it was taken. */
  readonly error?: { readonly status: number; readonly type: string; readonly reason: string }
}

/** A bulk as it was read. */
export interface Bulk {
  readonly items: readonly BulkItem[]
  readonly records: readonly LogRecord[]
}

/** The request as a whole cannot be understood. */
export class BulkError extends Error {
  readonly code = 'ERR_ELASTICSEARCH_BULK'
}

/**
 * Reads the body of `_bulk`: a line that says what to do, and (but for `delete`) a line with the document. A document that cannot be read fails alone. Throws
 * `BulkError` where a line of action is none: nothing behind it can be understood.
 */
export function readBulk(
  body: Buffer,
  defaultIndex: string,
  ground: DecodeGround,
  newId: () => string,
): Bulk {
  const items: BulkItem[] = []
  const records: LogRecord[] = []
  let at = 0
  const line = (): string => {
    const found = body.indexOf(NEWLINE, at)
    const end = found < 0 ? body.length : found
    const text = body.toString('utf8', at, end)
    at = end + 1
    return text
  }
  while (at < body.length) {
    const text = line().trim()
    if (text === '') continue
    if (items.length >= ITEMS_MAX)
      throw new BulkError(`more than ${ITEMS_MAX} items in one request`)
    const { action, index, id } = readAction(text, defaultIndex)
    if (action === 'delete') {
      items.push({ action, index, id, error: unsupported('delete') })
      continue
    }
    const source = line()
    if (action === 'update') {
      items.push({ action, index, id, error: unsupported('update') })
      continue
    }
    const document = readSource(source)
    const item = { action, index, id: id === '' ? newId() : id }
    if (document === undefined) items.push({ ...item, error: BROKEN })
    else {
      records.push(recordOfDocument(document, index, ground))
      items.push(item)
    }
  }
  return { items, records }
}

const BROKEN = {
  status: 400,
  type: 'document_parsing_exception',
  reason: 'the document is no JSON object',
}

function unsupported(action: string): { status: number; type: string; reason: string } {
  return {
    status: 400,
    type: 'illegal_argument_exception',
    reason: `only index and create are taken here, not ${action}: records are never changed`,
  }
}

function readSource(text: string): object | undefined {
  try {
    const parsed: unknown = JSON.parse(text)
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
      ? parsed
      : undefined
  } catch {
    return undefined
  }
}

const ACTIONS = ['index', 'create', 'delete', 'update'] as const

function readAction(
  text: string,
  defaultIndex: string,
): { action: string; index: string; id: string } {
  // What almost every shipper sends, without reading JSON.
  if (text === '{"index":{}}' || text === '{"create":{}}') {
    return { action: text.slice(2, text.indexOf('"', 2)), index: defaultIndex, id: '' }
  }
  const parsed = readSource(text)
  const action = ACTIONS.find((one) => parsed !== undefined && Object.hasOwn(parsed, one))
  if (parsed === undefined || action === undefined) {
    throw new BulkError(
      `Malformed action/metadata line, expected one of [create, delete, index, update] but found [${text.slice(0, 100)}]`,
    )
  }
  const meta: unknown = (parsed as Record<(typeof ACTIONS)[number], unknown>)[action]
  const { _index, _id } = (typeof meta === 'object' && meta !== null ? meta : {}) as {
    _index?: unknown
    _id?: unknown
  }
  return {
    action,
    index: typeof _index === 'string' ? _index : defaultIndex,
    id: typeof _id === 'string' ? _id : typeof _id === 'number' ? String(_id) : '',
  }
}
