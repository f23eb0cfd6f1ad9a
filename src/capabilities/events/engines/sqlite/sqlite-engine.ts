import { randomUUID } from 'node:crypto'
import { Worker } from 'node:worker_threads'
import type { Clock } from '../../../../platform/capability.ts'
import type { StorageError } from '../../../../platform/storage/errors.ts'
import { EventsError } from '../../errors.ts'
import {
  APPENDS_WAITING_BYTES_MAX,
  APPENDS_WAITING_MAX,
  GROUP_APPENDS_MAX,
  GROUP_BYTES_MAX,
  READS_WAITING_MAX,
} from '../../limits.ts'
import type { Append, AppendOutcome, Deletion } from '../../model.ts'
import { Packer, unpackStored } from '../../packing.ts'
import type { EngineStatus, EventEngine } from '../engine.ts'
import type { Answer, PackedWrite, ToReader, ToWriter } from './messages.ts'
import { ThreadLink } from './thread-link.ts'

export interface SqliteEngineOptions {
  readonly file: string
  readonly clock: Clock
  /** A thread ended by itself: what cannot be written must not be served as if it could. */
  readonly died: (error: StorageError) => void
}

interface Waiting {
  readonly write:
    | { readonly kind: 'append'; readonly append: Append }
    | Extract<PackedWrite, { kind: 'remove' }>
  readonly bytes: number
  readonly done: PromiseWithResolvers<AppendOutcome>
}

/** Opens or creates the file: one thread writes, one reads. */
export async function openSqliteEngine(options: SqliteEngineOptions): Promise<EventEngine> {
  const { file, died } = options
  const name = import.meta.url.endsWith('.ts')
    ? { writer: './writer-thread.ts', reader: './reader-thread.ts' }
    : { writer: './writer-thread.js', reader: './reader-thread.js' }
  const start = <Question extends { readonly ask: number }>(script: string, what: string) => {
    const worker = new Worker(new URL(script, import.meta.url), {
      workerData: { file },
      name: `events ${what}`,
    })
    return new ThreadLink<Question>(worker, file, died)
  }
  const writer = start<ToWriter>(name.writer, 'writer')
  const end = await writer.opened
  // The file is whole and has its tables only now.
  const reader = start<ToReader>(name.reader, 'reader')
  await reader.opened
  return new SqliteEngine(options, writer, reader, end)
}

class SqliteEngine implements EventEngine {
  readonly #clock: Clock
  readonly #writer: ThreadLink<ToWriter>
  readonly #reader: ThreadLink<ToReader>
  readonly #listeners = new Set<() => void>()
  readonly #counts = { commits: 0, appends: 0, events: 0, conflicts: 0 }
  #waiting: Waiting[] = []
  #waitingBytes = 0
  #pump: Promise<void> | undefined
  #end: number
  #isFull = false
  #isClosed = false

  constructor(
    { clock }: SqliteEngineOptions,
    writer: ThreadLink<ToWriter>,
    reader: ThreadLink<ToReader>,
    end: number,
  ) {
    this.#clock = clock
    this.#writer = writer
    this.#reader = reader
    this.#end = end
  }

  append(append: Append): Promise<AppendOutcome> {
    let bytes = 64
    for (const { data, metadata } of append.events) bytes += data.length + metadata.length + 64
    return this.#write({ kind: 'append', append }, bytes)
  }

  remove(deletion: Deletion): Promise<AppendOutcome> {
    return this.#write({ kind: 'remove', id: randomUUID(), ...deletion }, 256)
  }

  async read(request: Parameters<EventEngine['read']>[0]): ReturnType<EventEngine['read']> {
    const answer = await this.#ask((ask) => ({ type: 'read', ask, request }))
    if (answer.type !== 'page') throw unexpected(answer)
    const { bytes, ...page } = answer.page
    return { ...page, events: unpackStored(bytes) }
  }

  async stream(name: string): ReturnType<EventEngine['stream']> {
    const answer = await this.#ask((ask) => ({ type: 'stream', ask, name }))
    if (answer.type !== 'stream') throw unexpected(answer)
    return answer.facts
  }

  async streams(
    prefix: string,
    after: string,
    countMax: number,
  ): ReturnType<EventEngine['streams']> {
    const answer = await this.#ask((ask) => ({ type: 'streams', ask, prefix, after, countMax }))
    if (answer.type !== 'streams') throw unexpected(answer)
    return answer.streams
  }

  async positionAt(atUs: number): Promise<number> {
    const answer = await this.#ask((ask) => ({ type: 'position-at', ask, atUs }))
    if (answer.type !== 'number') throw unexpected(answer)
    return answer.value
  }

  end(): number {
    return this.#end
  }

  onCommit(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async scavenge(
    step: Parameters<EventEngine['scavenge']>[0],
  ): ReturnType<EventEngine['scavenge']> {
    const answer = await this.#writer.ask((ask) => ({ type: 'scavenge', ask, step }))
    if (answer.type !== 'scavenged') throw unexpected(answer)
    return answer.result
  }

  async backup(file: string): Promise<void> {
    await this.#writer.ask((ask) => ({ type: 'backup', ask, file }))
  }

  status(): EngineStatus {
    return { ...this.#counts, appendsWaiting: this.#waiting.length, isFull: this.#isFull }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#pump
    await this.#reader.close((ask) => ({ type: 'close', ask }))
    await this.#writer.close((ask) => ({ type: 'close', ask }))
  }

  async #ask(question: (ask: number) => ToReader): Promise<Answer> {
    if (this.#reader.askedCount >= READS_WAITING_MAX) {
      throw new EventsError(
        'ERR_EVENTS_BUSY',
        `${READS_WAITING_MAX} reads of events wait for the disk already. Try again later.`,
      )
    }
    return this.#reader.ask(question)
  }

  async #write(write: Waiting['write'], bytes: number): Promise<AppendOutcome> {
    if (this.#isClosed) throw new EventsError('ERR_EVENTS_CLOSED', 'The event store is closed.')
    if (
      this.#waiting.length >= APPENDS_WAITING_MAX ||
      this.#waitingBytes + bytes > APPENDS_WAITING_BYTES_MAX
    ) {
      throw new EventsError(
        'ERR_EVENTS_BUSY',
        `${this.#waiting.length} appends (${this.#waitingBytes} bytes) wait for the disk already, the bounds are ${APPENDS_WAITING_MAX} and ${APPENDS_WAITING_BYTES_MAX} bytes. Try again later.`,
      )
    }
    const done = Promise.withResolvers<AppendOutcome>()
    this.#waiting.push({ write, bytes, done })
    this.#waitingBytes += bytes
    this.#pump ??= this.#pumpAll()
    return done.promise
  }

  /** One commit at a time; what comes meanwhile is the next one. */
  async #pumpAll(): Promise<void> {
    // One turn later, so that the appends of one turn share a commit also when the thread was idle.
    await Promise.resolve()
    while (this.#waiting.length > 0) await this.#commit(this.#nextGroup())
    this.#pump = undefined
  }

  #nextGroup(): readonly Waiting[] {
    let bytes = 0
    let count = 0
    for (const waiting of this.#waiting) {
      if (count === GROUP_APPENDS_MAX || (count > 0 && bytes + waiting.bytes > GROUP_BYTES_MAX))
        break
      bytes += waiting.bytes
      count++
    }
    this.#waitingBytes -= bytes
    return this.#waiting.splice(0, count)
  }

  async #commit(group: readonly Waiting[]): Promise<void> {
    try {
      const packer = new Packer()
      const writes = group.map(({ write }) => packWrite(packer, write))
      const bytes = packer.finish()
      const nowUs = Math.trunc(this.#clock.nowMs() * 1_000)
      const answer = await this.#writer.ask(
        (ask) => ({ type: 'group', ask, writes, bytes, nowUs }),
        [bytes.buffer],
      )
      if (answer.type !== 'group') throw unexpected(answer)
      this.#isFull = false
      this.#note(group, answer)
    } catch (error) {
      this.#isFull = error instanceof Error && 'code' in error && error.code === 'ERR_STORAGE_FULL'
      for (const { done } of group) done.reject(error)
    }
  }

  #note(group: readonly Waiting[], { outcomes, end }: Extract<Answer, { type: 'group' }>): void {
    const isNew = end > this.#end
    this.#counts.commits++
    this.#counts.events += end - this.#end
    this.#end = end
    for (const [at, { done }] of group.entries()) {
      const outcome = outcomes[at]
      if (outcome === undefined) throw new TypeError('an append without an outcome')
      if (outcome.kind === 'appended') this.#counts.appends++
      else this.#counts.conflicts++
      done.resolve(outcome)
    }
    if (isNew) for (const listener of this.#listeners) listener()
  }
}

function packWrite(packer: Packer, write: Waiting['write']): PackedWrite {
  if (write.kind === 'remove') return write
  const from = packer.length
  const { streams, events, streamOf } = write.append
  for (const [at, event] of events.entries()) packer.addNew(event, streamOf[at] ?? 0)
  return { kind: 'append', streams, from, to: packer.length }
}

function unexpected(answer: Answer): TypeError {
  return new TypeError(`a thread of the event store answered ${answer.type}`)
}
