import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { ReadRequest, StreamBounds, StreamHead } from '../../model.ts'
import { Packer } from '../../packing.ts'
import { checkSum } from './check-sum.ts'
import { CorruptEventError } from './corrupt.ts'
import { matcherOf } from '../../filter-match.ts'
import type { PackedPage, StreamFacts } from './messages.ts'
import { headOf } from './stream-book.ts'
import { STATE } from './tables.ts'

/** Names by number that are kept. */
const NAMES_MAX = 100_000
const COLUMNS = 'position, stream, revision, type, at_us, flags, crc, id, data, metadata'

type Row = [
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  Uint8Array,
  Uint8Array,
  Uint8Array,
]
interface StreamRow extends StreamFacts {
  readonly id: number
  readonly state: number
  readonly last: number
}

/** Reads pages beside the writer. Everything here blocks. */
export class PageReader {
  readonly #sqlite: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()
  readonly #streamNames: NumberedNames
  readonly #typeNames: NumberedNames

  constructor(sqlite: DatabaseSync) {
    this.#sqlite = sqlite
    this.#streamNames = new NumberedNames(sqlite, 'streams')
    this.#typeNames = new NumberedNames(sqlite, 'names')
  }

  read(request: ReadRequest): PackedPage {
    const { source } = request
    switch (source.kind) {
      case 'stream':
        return this.#readStream(source.name, request)
      case 'all':
        return source.filter === undefined
          ? this.#readRows('1', [], 'position', request, 0)
          : this.#readFiltered(request)
      case 'category':
        return this.#readNamed('category = ? AND category > 0', source.name, request)
      case 'type':
        return this.#readNamed('type = ?', source.name, request)
    }
  }

  facts(name: string): StreamFacts {
    const { head, bounds } = this.#streamRow(name)
    return { head, bounds }
  }

  #readStream(name: string, request: ReadRequest): PackedPage {
    const row = this.#streamRow(name)
    if (typeof row.head !== 'number') {
      return { bytes: new Uint8Array(0), next: 0, isEnd: true, head: row.head }
    }
    const first = this.#firstVisible(row, request.nowUs)
    const at =
      request.from === 'end'
        ? row.last
        : request.isBackwards
          ? Math.min(request.from, row.last)
          : request.from
    const from = request.isBackwards ? at : Math.max(at, first)
    const lowest = request.isBackwards ? first : 0
    const page = this.#readRows('stream = ?', [row.id], 'revision', { ...request, from }, lowest)
    return { ...page, head: row.head }
  }

  #readNamed(where: string, name: string, request: ReadRequest): PackedPage {
    const id = this.#typeNames.idOf(name)
    if (id === 0) return { bytes: new Uint8Array(0), next: startOf(request), isEnd: true, head: 0 }
    return this.#readRows(where, [id], 'position', request, 0)
  }

  #readRows(
    where: string,
    params: readonly number[],
    key: 'position' | 'revision',
    { from, isBackwards, eventsMax, bytesMax }: Omit<ReadRequest, 'source'>,
    lowest: number,
  ): PackedPage {
    const start = from === 'end' ? Number.MAX_SAFE_INTEGER : from
    const order = isBackwards
      ? `<= ? AND ${key} >= ${lowest} ORDER BY ${key} DESC`
      : `>= ? ORDER BY ${key}`
    const rows = this.#prepare(
      `SELECT ${COLUMNS} FROM events WHERE ${where} AND ${key} ${order} LIMIT ?`,
    ).iterate(...params, start, eventsMax + 1) as Iterable<unknown> as Iterable<Row>
    const packer = new Packer()
    let count = 0
    let next = start
    for (const row of rows) {
      const at = key === 'position' ? row[0] : row[2]
      if (count === eventsMax || (count > 0 && packer.length + sizeOf(row) > bytesMax)) {
        return { bytes: packer.finish(), next: at, isEnd: false, head: 0 }
      }
      if (!this.#pack(packer, row, count > 0)) {
        return { bytes: packer.finish(), next: at, isEnd: false, head: 0 }
      }
      count++
      next = isBackwards ? at - 1 : at + 1
    }
    if (isBackwards) next = -1
    return { bytes: packer.finish(), next, isEnd: true, head: 0 }
  }

  /** Looks at names only, and reads what fits. */
  #readFiltered(request: ReadRequest): PackedPage {
    const { source, isBackwards, eventsMax, bytesMax, windowMax } = request
    if (source.kind !== 'all' || source.filter === undefined) throw new TypeError('no filter')
    const { filter } = source
    const matches = matcherOf(filter)
    const names = filter.on === 'stream' ? this.#streamNames : this.#typeNames
    const verdicts = new Map<number, boolean>()
    const start = startOf(request)
    const order = isBackwards ? '<= ? ORDER BY position DESC' : '>= ? ORDER BY position'
    const column = filter.on === 'stream' ? 'stream' : 'type'
    const rows = this.#prepare(
      `SELECT position, ${column} FROM events WHERE position ${order} LIMIT ?`,
    ).iterate(start, windowMax + 1) as Iterable<unknown> as Iterable<[number, number]>
    const packer = new Packer()
    let looked = 0
    let count = 0
    let next = start
    for (const [position, name] of rows) {
      if (looked++ === windowMax || count === eventsMax || packer.length > bytesMax) {
        return { bytes: packer.finish(), next: position, isEnd: false, head: 0 }
      }
      let isWanted = verdicts.get(name)
      if (isWanted === undefined) {
        isWanted = matches(names.nameOf(name))
        verdicts.set(name, isWanted)
      }
      next = isBackwards ? position - 1 : position + 1
      if (!isWanted) continue
      const [row] = this.#prepare(`SELECT ${COLUMNS} FROM events WHERE position = ?`).all(
        position,
      ) as unknown as Row[]
      if (row === undefined) continue
      if (!this.#pack(packer, row, count > 0)) {
        return { bytes: packer.finish(), next: position, isEnd: false, head: 0 }
      }
      count++
    }
    return { bytes: packer.finish(), next: isBackwards ? -1 : next, isEnd: true, head: 0 }
  }

  /** False where the event is damaged and the page can end before it. Throws `CorruptEventError`. */
  #pack(packer: Packer, row: Row, mayEnd: boolean): boolean {
    const [position, stream, revision, type, atUs, flags, crc, id, data, metadata] = row
    const name = this.#streamNames.nameOf(stream)
    if (checkSum({ id, data, metadata }) !== crc) {
      if (mayEnd) return false
      throw new CorruptEventError(name, revision, position)
    }
    packer.addStored({
      position,
      revision,
      atUs,
      flags,
      stream: name,
      type: this.#typeNames.nameOf(type),
      id,
      data,
      metadata,
    })
    return true
  }

  #firstVisible({ id, last, bounds }: StreamRow, nowUs: number): number {
    let first = bounds.truncateBefore
    if (bounds.countMax > 0) first = Math.max(first, last + 1 - bounds.countMax)
    if (bounds.ageUsMax > 0) {
      const [young] = this.#prepare(
        'SELECT revision FROM events WHERE stream = ? AND revision >= ? AND at_us >= ? ORDER BY revision LIMIT 1',
      ).all(id, first, nowUs - bounds.ageUsMax) as unknown as [number][]
      first = young === undefined ? last + 1 : young[0]
    }
    return first
  }

  #streamRow(name: string): StreamRow {
    const [row] = this.#prepare(
      'SELECT id, floor, truncate_before, count_max, age_us_max, state, (SELECT revision FROM events WHERE stream = streams.id ORDER BY revision DESC LIMIT 1) FROM streams WHERE name = ?',
    ).all(name) as unknown as [number, number, number, number, number, number, number | null][]
    if (row === undefined) {
      const bounds: StreamBounds = { truncateBefore: 0, countMax: 0, ageUsMax: 0 }
      return { id: 0, state: STATE.there, last: -1, head: 'none', bounds }
    }
    const [id, floor, truncateBefore, countMax, ageUsMax, state, newest] = row
    const last = Math.max(newest ?? -1, floor)
    const head: StreamHead = headOf({ head: last, state })
    return { id, state, last, head, bounds: { truncateBefore, countMax, ageUsMax } }
  }

  #prepare(sql: string): StatementSync {
    const kept = this.#statements.get(sql)
    if (kept !== undefined) return kept
    const statement = this.#sqlite.prepare(sql)
    statement.setReturnArrays(true)
    this.#statements.set(sql, statement)
    return statement
  }
}

/** What numbers stand for, kept in memory as far as it goes. */
class NumberedNames {
  readonly #kept = new Map<number, string>()
  readonly #find: StatementSync
  readonly #search: StatementSync

  constructor(sqlite: DatabaseSync, table: 'streams' | 'names') {
    this.#find = sqlite.prepare(`SELECT name FROM ${table} WHERE id = ?`)
    this.#search = sqlite.prepare(`SELECT id FROM ${table} WHERE name = ?`)
  }

  nameOf(id: number): string {
    const kept = this.#kept.get(id)
    if (kept !== undefined) return kept
    const name = String(this.#find.get(id)?.['name'] ?? '')
    if (this.#kept.size >= NAMES_MAX) this.#kept.clear()
    this.#kept.set(id, name)
    return name
  }

  idOf(name: string): number {
    return Number(this.#search.get(name)?.['id'] ?? 0)
  }
}

function startOf({ from }: Pick<ReadRequest, 'from'>): number {
  return from === 'end' ? Number.MAX_SAFE_INTEGER : from
}

function sizeOf(row: Row): number {
  return row[8].length + row[9].length
}
