import { EventsError } from '../../errors.ts'
import { describedBy, METADATA_TYPE, type NewEvent } from '../../model.ts'
import { multiAppendOf, type EventBody } from './append-body.ts'
import type { Served } from '../served.ts'

/** Lines of one append, and their bytes: an event of the export is never smaller than what it stores. */
const GROUP_LINES = 500
const GROUP_BYTES = 4 * 1024 * 1024
/** Bytes of a line. */
const LINE_BYTES_MAX = 48 * 1024 * 1024

interface ImportedLine extends EventBody {
  readonly stream: string
  readonly metadataBase64?: string
}

/** Appends events in their order, some at a time; streams of the system but metadata are left out: they belong to another store. */
export async function importLines(
  served: Served,
  body: AsyncIterable<Buffer>,
): Promise<{ readonly imported: number; readonly skipped: number }> {
  let group: ImportedLine[] = []
  let [imported, skipped, line, bytes] = [0, 0, 0, 0]
  const flush = async (): Promise<void> => {
    if (group.length > 0) imported += await appendGroup(served, group)
    group = []
    bytes = 0
  }
  for await (const text of linesOf(body)) {
    line++
    if (text.trim() === '') continue
    const parsed = parseLine(text, line)
    const isSystem = parsed.stream.startsWith('$') && describedBy(parsed.stream) === ''
    const isOwn =
      parsed.type.startsWith('$') && parsed.type !== METADATA_TYPE && parsed.type !== '$>'
    if (isSystem || isOwn || parsed.stream.startsWith('$$$')) {
      skipped++
      continue
    }
    const size = Buffer.byteLength(text)
    // A limit smaller than a group's is the limit.
    const bytesMax = Math.min(GROUP_BYTES, served.limits().appendBytesMax)
    if (group.length === GROUP_LINES || bytes + size > bytesMax) await flush()
    group.push(parsed)
    bytes += size
  }
  await flush()
  return { imported, skipped }
}

async function appendGroup({ store }: Served, group: readonly ImportedLine[]): Promise<number> {
  const append = multiAppendOf({ streams: [], events: group })
  const events = append.events.map((event, at): NewEvent => {
    const metadata = group[at]?.metadataBase64
    return metadata === undefined ? event : { ...event, metadata: Buffer.from(metadata, 'base64') }
  })
  const outcome = await store.append({ ...append, events })
  if (outcome.kind === 'appended') return group.length
  const [{ stream, actual }] = outcome.violations
  throw new EventsError(
    'ERR_EVENTS_CONFLICT',
    `The stream '${stream}' is ${actual}; what stands before it was imported.`,
  )
}

function parseLine(text: string, line: number): ImportedLine {
  try {
    const { id, stream, type, data, dataBase64, metadata, metadataBase64 } = JSON.parse(
      text,
    ) as ImportedLine
    if (typeof stream !== 'string' || typeof type !== 'string')
      throw new TypeError('no stream or type')
    for (const said of [id, dataBase64, metadataBase64]) {
      if (said !== undefined && typeof said !== 'string')
        throw new TypeError('an id or bytes that are no text')
    }
    return {
      stream,
      type,
      ...(id === undefined ? {} : { id }),
      ...(dataBase64 === undefined ? { data } : { dataBase64 }),
      ...(metadata === undefined ? {} : { metadata }),
      ...(metadataBase64 === undefined ? {} : { metadataBase64 }),
    }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new EventsError(
      'ERR_EVENTS_INVALID',
      `Line ${line} is no event (${why}); what stands before it may have been imported.`,
    )
  }
}

async function* linesOf(body: AsyncIterable<Buffer>): AsyncGenerator<string, void, undefined> {
  let parts: Buffer[] = []
  let bytes = 0
  for await (const chunk of body) {
    let at = 0
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, at)) {
      yield Buffer.concat([...parts, chunk.subarray(at, end)]).toString('utf8')
      parts = []
      bytes = 0
      at = end + 1
    }
    if (at === chunk.length) continue
    parts.push(chunk.subarray(at))
    bytes += chunk.length - at
    if (bytes > LINE_BYTES_MAX) {
      throw new EventsError('ERR_EVENTS_TOO_LARGE', `A line has at most ${LINE_BYTES_MAX} bytes.`)
    }
  }
  if (parts.length > 0) yield Buffer.concat(parts).toString('utf8')
}
