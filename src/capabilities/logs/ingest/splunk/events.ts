import type { LogRecord } from '../../../../contracts/signals.ts'
import { shallowJson } from '../../../../mechanisms/log-line/attribute-text.ts'
import { emptyFields, readDocument } from '../../../../mechanisms/log-line/document.ts'
import { microsOfNumber, microsOfText } from '../../../../mechanisms/log-line/moments.ts'
import { readLine } from '../../../../mechanisms/log-line/text-line.ts'
import { recordOf, type DecodeGround } from '../draft.ts'

/** Events of one request. */
const EVENTS_MAX = 100_000

/** Splunk's codes of the collector, with the status and the words that its clients know. */
export const HEC = {
  success: [200, 0, 'Success'],
  tokenRequired: [401, 2, 'Token is required'],
  tokenInvalid: [403, 4, 'Invalid token'],
  noData: [400, 5, 'No data'],
  badFormat: [400, 6, 'Invalid data format'],
  internal: [500, 8, 'Internal server error'],
  busy: [503, 9, 'Server is busy'],
  channelMissing: [400, 10, 'Data channel is missing'],
  eventMissing: [400, 12, 'Event field is required'],
  eventBlank: [400, 13, 'Event field cannot be blank'],
  healthy: [200, 17, 'HEC is healthy'],
  unhealthy: [503, 18, 'HEC is unhealthy, queues are full'],
} as const
export type HecCode = keyof typeof HEC

/** The request is refused as a whole, with the number of the event that is wrong. */
export class HecError extends Error {
  readonly code = 'ERR_SPLUNK_EVENT'
  readonly reason: HecCode
  readonly eventNumber: number

  constructor(reason: HecCode, eventNumber: number) {
    super(HEC[reason][2])
    this.reason = reason
    this.eventNumber = eventNumber
  }
}

/** What a request says for all of its events, in its query. */
export interface HecDefaults {
  readonly host: string
  readonly source: string
  readonly sourcetype: string
  readonly index: string
}

/** Reads events: JSON objects one behind the other, with or without space between them. Throws `HecError`. */
export function readEvents(body: string, defaults: HecDefaults, ground: DecodeGround): LogRecord[] {
  const records: LogRecord[] = []
  for (const text of splitObjects(body)) {
    const number = records.length
    if (number >= EVENTS_MAX) throw new HecError('badFormat', number)
    let event: unknown
    try {
      event = JSON.parse(text)
    } catch {
      throw new HecError('badFormat', number)
    }
    records.push(recordOfEvent(event as object, number, defaults, ground))
  }
  if (records.length === 0) throw new HecError('noData', 0)
  return records
}

/** Raw lines: each is an event. */
export function readRaw(body: string, defaults: HecDefaults, ground: DecodeGround): LogRecord[] {
  const lines = body.split(/\r?\n/).filter((line) => line !== '')
  if (lines.length === 0) throw new HecError('noData', 0)
  return lines.map((line) => {
    const fields = emptyFields()
    readLine(line, fields, ground.attributes)
    return finish(fields, defaults, ground)
  })
}

/** Texts of the objects that stand behind each other. Throws `HecError` where something else stands between them. */
function* splitObjects(body: string): Generator<string> {
  let start = -1
  let depth = 0
  let isQuoted = false
  let count = 0
  for (let at = 0; at < body.length; at++) {
    const character = body.charCodeAt(at)
    if (isQuoted) {
      if (character === 0x5c) at++
      else if (character === 0x22) isQuoted = false
      continue
    }
    if (character === 0x22 && depth > 0) isQuoted = true
    else if (character === 0x7b) {
      if (depth === 0) start = at
      depth++
    } else if (character === 0x7d && depth > 0) {
      depth--
      if (depth > 0) continue
      yield body.slice(start, at + 1)
      count++
    } else if (depth === 0 && !isBetween(character)) throw new HecError('badFormat', count)
  }
  if (depth > 0) throw new HecError('badFormat', count)
}

function isBetween(character: number): boolean {
  return character === 0x20 || character === 0x0a || character === 0x0d || character === 0x09
}

interface Event {
  readonly time?: unknown
  readonly host?: unknown
  readonly source?: unknown
  readonly sourcetype?: unknown
  readonly index?: unknown
  readonly event?: unknown
  readonly fields?: unknown
}

function recordOfEvent(
  said: Event,
  number: number,
  defaults: HecDefaults,
  ground: DecodeGround,
): LogRecord {
  const { event } = said
  if (event === undefined || event === null) throw new HecError('eventMissing', number)
  if (event === '') throw new HecError('eventBlank', number)
  const fields = emptyFields()
  if (typeof event === 'object') {
    readDocument(event, fields, ground.attributes)
    if (fields.body === '') fields.body = shallowJson(event)
  } else readLine(String(event as string | number | boolean), fields, ground.attributes)
  const micros =
    typeof said.time === 'number' ? microsOfNumber(said.time) : microsOfText(textOf(said.time))
  if (micros !== undefined) fields.time = micros
  if (typeof said.fields === 'object' && said.fields !== null) {
    ground.attributes.addValue('', said.fields)
  }
  const own = {
    host: textOf(said.host) || defaults.host,
    source: textOf(said.source) || defaults.source,
    sourcetype: textOf(said.sourcetype) || defaults.sourcetype,
    index: textOf(said.index) || defaults.index,
  }
  return finish(fields, own, ground)
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function finish(
  fields: ReturnType<typeof emptyFields>,
  { host, source, sourcetype, index }: HecDefaults,
  ground: DecodeGround,
): LogRecord {
  const { attributes } = ground
  if (source !== '') attributes.addText('splunk.source', source)
  if (sourcetype !== '') attributes.addText('splunk.sourcetype', sourcetype)
  if (index !== '') attributes.addText('splunk.index', index)
  const service =
    source !== '' && !source.includes('/') ? source : sourcetype.replace(/^_json$/, '')
  return recordOf(fields, { service, instance: host, source: 'splunk' }, ground)
}
