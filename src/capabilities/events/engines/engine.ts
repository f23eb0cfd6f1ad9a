import type {
  Append,
  AppendOutcome,
  Deletion,
  ReadPage,
  ReadRequest,
  StreamBounds,
  StreamHead,
} from '../model.ts'

/** Where events are stored. Each engine passes `engines/engine.contract.ts`. All calls throw `EventsError` or `StorageError`. */
export interface EventEngine {
  /**
   * Stores all of it, in the order of the calls, or nothing. Resolves when it is durable. A refusal that the caller could foresee is an outcome, not an
   * error. `ERR_STORAGE_FULL`: there is no room; reads go on.
   */
  append(append: Append): Promise<AppendOutcome>
  /** Ends a stream. Its answer is that of an append of one event. */
  remove(deletion: Deletion): Promise<AppendOutcome>
  /** One page. Sees every append that was acknowledged before the call. */
  read(request: ReadRequest): Promise<ReadPage>
  /** How a stream is now, and what its metadata says. */
  stream(name: string): Promise<{ readonly head: StreamHead; readonly bounds: StreamBounds }>
  /** Names of streams behind `after` in their order, that begin with `prefix`. */
  streams(prefix: string, after: string, countMax: number): Promise<readonly StreamEntry[]>
  /** The first position that was committed at this time or later; behind the last one where there is none. */
  positionAt(atUs: number): Promise<number>
  /** The position behind the last event that is durable. */
  end(): number
  /** Calls back after each commit, once `end` says it. Returns the cancellation. */
  onCommit(listener: () => void): () => void
  /** Removes some of what bounds of streams have set free. */
  scavenge(step: ScavengeStep): Promise<ScavengeResult>
  /** A copy that can be opened as a store, of one moment, while appends go on. */
  backup(file: string): Promise<void>
  status(): EngineStatus
  close(): Promise<void>
}

/** One stream of a list. */
export interface StreamEntry {
  readonly name: string
  readonly head: StreamHead
}

/** Where a round of scavenging is. */
export interface ScavengeStep {
  /** What the step before gave; '' for the first. */
  readonly cursor: string
  readonly eventsMax: number
  readonly nowUs: number
}

export interface ScavengeResult {
  readonly removed: number
  /** '': the round is over. */
  readonly cursor: string
}

export interface EngineStatus {
  readonly appendsWaiting: number
  readonly commits: number
  readonly appends: number
  readonly events: number
  readonly conflicts: number
  readonly isFull: boolean
}
