import type { LogRecord } from '../../../contracts/signals.ts'
import type { Expression } from '../../../mechanisms/log-query/expression.ts'
import { matches, type Searched } from '../../../mechanisms/log-query/matches.ts'

/** Tails that may be open at once. */
export const TAILS_MAX = 64
/** Records that wait for one slow reader; the oldest go, and are counted. */
export const TAIL_WAITING_MAX = 2_000
/** Characters of them. */
export const TAIL_CHARACTERS_MAX = 2 * 1024 * 1024

/** Somebody who watches records as they come. */
export interface Tail {
  readonly expression: Expression
  /** What has come since the last call, and how many had to go meanwhile. */
  take(): { readonly records: readonly LogRecord[]; readonly dropped: number }
  close(): void
}

interface Watcher {
  readonly expression: Expression
  readonly wake: () => void
  waiting: LogRecord[]
  characters: number
  dropped: number
}

/** Hands every record that is on the disk to those who watch. */
export class LiveTail {
  readonly #watchers = new Set<Watcher>()

  get count(): number {
    return this.#watchers.size
  }

  /** `wake` is called when there is something to take; undefined: there are too many already. */
  open(expression: Expression, wake: () => void): Tail | undefined {
    if (this.#watchers.size >= TAILS_MAX) return undefined
    const watcher: Watcher = { expression, wake, waiting: [], characters: 0, dropped: 0 }
    this.#watchers.add(watcher)
    return {
      expression,
      take() {
        const { waiting: records, dropped } = watcher
        watcher.waiting = []
        watcher.characters = 0
        watcher.dropped = 0
        return { records, dropped }
      },
      close: () => void this.#watchers.delete(watcher),
    }
  }

  push(records: readonly LogRecord[]): void {
    if (this.#watchers.size === 0) return
    for (const watcher of this.#watchers) {
      let hasCome = false
      for (const record of records) {
        if (!matches(watcher.expression, searchedOf(record))) continue
        watcher.waiting.push(record)
        watcher.characters += lengthOf(record)
        hasCome = true
        // Seldom, so that not every record moves all others.
        if (watcher.waiting.length >= 2 * TAIL_WAITING_MAX) dropOldest(watcher)
      }
      if (!hasCome) continue
      dropOldest(watcher)
      watcher.wake()
    }
  }
}

/** The newest one stays, however long it is. */
function dropOldest(watcher: Watcher): void {
  const { waiting } = watcher
  let gone = 0
  while (
    waiting.length - gone > TAIL_WAITING_MAX ||
    (watcher.characters > TAIL_CHARACTERS_MAX && gone < waiting.length - 1)
  ) {
    watcher.characters -= lengthOf(waiting[gone++]!)
  }
  waiting.splice(0, gone)
  watcher.dropped += gone
}

function lengthOf({ body, attributes }: LogRecord): number {
  return body.length + attributes.length
}

/** A record as a search looks at it. */
function searchedOf(record: LogRecord): Searched {
  let attributes: Record<string, unknown> | undefined
  return {
    body: record.body,
    field(name) {
      const column = columnOf(record, name)
      if (column !== undefined) return column
      attributes ??= JSON.parse(record.attributes) as Record<string, unknown>
      if (!Object.hasOwn(attributes, name)) return undefined
      const value = attributes[name]
      return typeof value === 'object' ? JSON.stringify(value) : (value as string)
    },
  }
}

function columnOf(record: LogRecord, name: string): string | number | undefined {
  switch (name) {
    case 'severity':
    case 'service':
    case 'instance':
    case 'source':
    case 'trace':
    case 'span':
    case 'body':
      return record[name]
    case 'message':
    case 'msg':
      return record.body
    case 'trace_id':
      return record.trace
    case 'span_id':
      return record.span
    default:
      return undefined
  }
}
