import { randomBytes } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import {
  categoryOf,
  DELETED_TB,
  describedBy,
  METADATA_TYPE,
  metadataStreamOf,
  TOMBSTONE_TYPE,
  type AppendOutcome,
  type Expected,
  type Violation,
} from '../../model.ts'
import { FLAG_JSON, unpackNew, type PackedEvent } from '../../packing.ts'
import { checkSum } from './check-sum.ts'
import type { PackedWrite } from './messages.ts'
import { NameBook } from './name-book.ts'
import { RecentIds } from './recent-ids.ts'
import { headOf, StreamBook, type Stream } from './stream-book.ts'
import { parseStreamSettings, withTruncateBefore } from './stream-settings.ts'
import { STATE } from './tables.ts'

type Append = Extract<PackedWrite, { kind: 'append' }>
type Remove = Extract<PackedWrite, { kind: 'remove' }>
type SystemEvent = Pick<PackedEvent, 'id' | 'type' | 'data'>

const NOTHING = Buffer.alloc(0)

/** The one writer: it decides and stores a group of appends in one transaction. Everything here blocks. */
export class GroupCommit {
  readonly #sqlite: DatabaseSync
  readonly #streams: StreamBook
  readonly #names: NameBook
  readonly #recent: RecentIds
  readonly #insert
  readonly #eventAt
  readonly #setSettings
  #end: number
  #lastUs: number

  constructor(sqlite: DatabaseSync) {
    this.#sqlite = sqlite
    this.#streams = new StreamBook(sqlite)
    this.#names = new NameBook(sqlite)
    this.#recent = new RecentIds(sqlite)
    this.#insert = sqlite.prepare(
      'INSERT INTO events (position, stream, revision, type, category, at_us, flags, crc, id, data, metadata) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    )
    this.#eventAt = sqlite.prepare(
      'SELECT position, id, data FROM events WHERE stream = ? AND revision = ?',
    )
    this.#setSettings = sqlite.prepare(
      'UPDATE streams SET truncate_before = ?, count_max = ?, age_us_max = ?, state = ? WHERE id = ?',
    )
    ;[this.#end, this.#lastUs] = endOf(sqlite)
  }

  /** Behind the last event that is stored. */
  get end(): number {
    return this.#end
  }

  /** When the last event was stored, microseconds. */
  get lastUs(): number {
    return this.#lastUs
  }

  /** All writes in one transaction, on disk when it returns. Throws where nothing of it was stored. */
  commit(writes: readonly PackedWrite[], bytes: Buffer, nowUs: number): readonly AppendOutcome[] {
    const before = [this.#end, this.#lastUs] as const
    this.#lastUs = Math.max(nowUs, this.#lastUs)
    try {
      this.#sqlite.exec('BEGIN IMMEDIATE')
      const outcomes = writes.map((write) =>
        write.kind === 'append' ? this.#append(write, bytes) : this.#remove(write),
      )
      this.#sqlite.exec('COMMIT')
      return outcomes
    } catch (error) {
      if (this.#sqlite.isTransaction) this.#sqlite.exec('ROLLBACK')
      ;[this.#end, this.#lastUs] = before
      this.forget()
      throw error
    }
  }

  /** What is known of streams may not be true any more. */
  forget(): void {
    this.#streams.clear()
    this.#streams.refresh(this.#sqlite)
    this.#names.clear()
    this.#recent.reload()
  }

  #append({ streams: asked, from, to }: Append, bytes: Buffer): AppendOutcome {
    const streams = asked.map(({ name }) => this.#streams.get(name))
    const events = unpackAll(bytes, from, to)
    const written = new Set(events.map(({ streamIndex }) => streamIndex))
    const violations = asked.flatMap(({ expected }, at) => {
      const stream = streams[at]
      return stream === undefined || holds(expected, stream, written.has(at))
        ? []
        : [violationOf(expected, stream)]
    })
    const repeated = this.#findRepeated(asked, streams, events, violations.length > 0)
    if (repeated !== undefined) return repeated
    const [first, ...others] = violations
    if (first !== undefined) return { kind: 'conflict', violations: [first, ...others] }
    for (const at of written) {
      const stream = streams[at]
      if (stream !== undefined) this.#open(stream)
    }
    for (const event of events) {
      const stream = streams[event.streamIndex]
      if (stream !== undefined) this.#store(stream, event)
    }
    const isSaid = (at: number) => events.length === 0 || written.has(at)
    return appended(events.length === 0 ? -1 : this.#end - 1, streams, isSaid)
  }

  #remove({ stream: name, expected, isForEver, id }: Remove): AppendOutcome {
    const stream = this.#streams.get(name)
    const isOver = !isForEver && stream.state === STATE.deleted
    if (isOver || !holds(expected, stream, true)) {
      return { kind: 'conflict', violations: [violationOf(expected, stream)] }
    }
    const eventId = Buffer.from(id.replaceAll('-', ''), 'hex')
    if (isForEver) {
      this.#open(stream)
      this.#store(stream, { ...systemEvent(TOMBSTONE_TYPE, NOTHING), id: eventId })
      this.#settle(stream, { state: STATE.tombstoned, truncateBefore: stream.head })
      return appended(this.#end - 1, [stream])
    }
    const described = this.#streams.get(metadataStreamOf(name))
    const data = withTruncateBefore(this.#lastDataOf(described), DELETED_TB)
    this.#open(described)
    this.#store(described, { ...systemEvent(METADATA_TYPE, data), id: eventId })
    return appended(this.#end - 1, [stream])
  }

  /** A stream that was deleted begins again behind what it had; its metadata says so. */
  #open(stream: Stream): void {
    this.#streams.ensureRow(stream)
    if (stream.state !== STATE.deleted) return
    const described = this.#streams.get(metadataStreamOf(stream.name))
    const data = withTruncateBefore(this.#lastDataOf(described), String(stream.head + 1))
    this.#streams.ensureRow(described)
    this.#store(described, systemEvent(METADATA_TYPE, data))
  }

  #store(stream: Stream, event: Omit<PackedEvent, 'streamIndex'>): void {
    const revision = stream.head + 1
    this.#insert.run(
      this.#end,
      stream.id,
      revision,
      this.#names.idOf(event.type),
      this.#names.idOf(categoryOf(stream.name)),
      this.#lastUs,
      event.flags,
      checkSum(event),
      event.id,
      event.data,
      event.metadata,
    )
    stream.head = revision
    this.#end++
    this.#recent.add(stream.id, event.id, revision)
    const name = describedBy(stream.name)
    if (name !== '' && event.type === METADATA_TYPE) this.#describe(name, event.data)
  }

  /** Puts into force what the metadata of a stream says. */
  #describe(name: string, data: Uint8Array): void {
    const stream = this.#streams.get(name)
    this.#streams.ensureRow(stream)
    if (stream.state === STATE.tombstoned) return
    const { isDeleted, countMax, ageUsMax, truncateBefore } = parseStreamSettings(data)
    const state = isDeleted ? STATE.deleted : STATE.there
    this.#settle(stream, {
      state,
      truncateBefore: isDeleted ? stream.head + 1 : truncateBefore,
      countMax,
      ageUsMax,
    })
  }

  #settle(
    stream: Stream,
    said: {
      readonly state: number
      readonly truncateBefore: number
      readonly countMax?: number
      readonly ageUsMax?: number
    },
  ): void {
    const { state, truncateBefore, countMax = 0, ageUsMax = 0 } = said
    this.#setSettings.run(truncateBefore, countMax, ageUsMax, state, stream.id)
    stream.state = state
    stream.truncateBefore = truncateBefore
  }

  #lastDataOf(stream: Stream): Uint8Array {
    if (stream.head < 0) return NOTHING
    const row = this.#eventAt.get(stream.id, stream.head)
    return (row?.['data'] as Uint8Array | undefined) ?? NOTHING
  }

  /** The first answer again, where exactly these events are where this append would have put them. */
  #findRepeated(
    asked: Append['streams'],
    streams: readonly Stream[],
    events: readonly PackedEvent[],
    isRefused: boolean,
  ): AppendOutcome | undefined {
    if (events.length === 0) return undefined
    const nextOf = new Map<number, number>()
    let position = -1
    for (const { streamIndex, id } of events) {
      const stream = streams[streamIndex]
      const expected = asked[streamIndex]?.expected
      if (stream === undefined || expected === undefined || stream.id === 0) return undefined
      const isExact = typeof expected === 'number' || expected === 'none'
      if (isExact && !isRefused) return undefined
      const revision = nextOf.get(streamIndex) ?? this.#firstOf(stream, expected, id)
      const row = revision === undefined ? undefined : this.#eventAt.get(stream.id, revision)
      if (row === undefined || revision === undefined) return undefined
      if (Buffer.compare(row['id'] as Uint8Array, id) !== 0) return undefined
      nextOf.set(streamIndex, revision + 1)
      position = Math.max(position, Number(row['position']))
    }
    const revisions = streams.map((_, at) => (nextOf.get(at) ?? 0) - 1)
    return { kind: 'appended', position, revisions, isRepeated: true }
  }

  #firstOf(stream: Stream, expected: Expected, id: Uint8Array): number | undefined {
    if (typeof expected === 'number') return expected + 1
    return expected === 'none' ? stream.truncateBefore : this.#recent.revisionOf(stream.id, id)
  }
}

function endOf(sqlite: DatabaseSync): [number, number] {
  const newest = sqlite
    .prepare('SELECT position, at_us FROM events ORDER BY position DESC LIMIT 1')
    .get()
  const kept = sqlite.prepare('SELECT position, at_us FROM last_position').get()
  const position = Math.max(Number(newest?.['position'] ?? -1), Number(kept?.['position']))
  return [position + 1, Math.max(Number(newest?.['at_us'] ?? 0), Number(kept?.['at_us']))]
}

function unpackAll(bytes: Buffer, from: number, to: number): readonly PackedEvent[] {
  const events: PackedEvent[] = []
  for (let at = from; at < to;) {
    const { event, end } = unpackNew(bytes, at)
    events.push(event)
    at = end
  }
  return events
}

function systemEvent(
  type: string,
  data: Uint8Array,
): SystemEvent & Pick<PackedEvent, 'flags' | 'metadata'> {
  return { id: randomBytes(16), type, data, flags: FLAG_JSON, metadata: NOTHING }
}

function appended(
  position: number,
  streams: readonly Stream[],
  isSaid: (at: number) => boolean = () => true,
): AppendOutcome {
  return {
    kind: 'appended',
    position,
    revisions: streams.map(({ head }, at) => (isSaid(at) ? head : -1)),
    isRepeated: false,
  }
}

/** A stream that ended for ever takes nothing; of one that is only looked at, 'any' asks nothing. */
function holds(expected: Expected, { head, state }: Stream, isWritten: boolean): boolean {
  if (state === STATE.tombstoned) return expected === 'any' && !isWritten
  switch (expected) {
    case 'any':
      return true
    case 'none':
      return head < 0 || state === STATE.deleted
    case 'exists':
      return head >= 0 && state === STATE.there
    default:
      return head === expected
  }
}

function violationOf(expected: Expected, stream: Stream): Violation {
  return { stream: stream.name, expected, actual: headOf(stream) }
}
