import type { Clock } from '../../platform/capability.ts'
import type { CollectedLine, ToCollector } from '../../contracts/supervisor.ts'
import { OUTPUT_BYTES_MAX, type ProcessOutput } from './process-output.ts'
import { BATCH_CHARACTERS_MAX, BATCH_LINES_MAX } from './output-follower.ts'

/** Outputs of processes that are forgotten already and wait for a collector that is away; the oldest are given up beyond it. */
export const GONE_OUTPUTS_MAX = 64

/** A process whose output is fed. */
export interface FedProcess {
  readonly spec: { readonly service: string }
  readonly output: ProcessOutput
}

interface Fed {
  readonly id: string
  readonly service: string
  readonly output: ProcessOutput
  /** The last line that the collector has taken, and the last one that it was given. */
  taken: number
  given: number
}

/**
 * Gives every line of the users' processes to one of ours that keeps them, one unacknowledged batch at a time. What was not acknowledged is given to its
 * next life again; what the rings have dropped meanwhile is counted. Nothing here waits for it.
 */
export class OutputFeed {
  readonly #clock: Clock
  readonly #processOf: (id: string) => FedProcess | undefined
  readonly #fed = new Map<ProcessOutput, Fed>()
  readonly #lively = new Set<Fed>()
  #send: ((message: ToCollector) => void) | null = null
  #isUnseen = false
  #isPlanned = false
  /** Lines that nobody will ever get. */
  #dropped = 0

  constructor(clock: Clock, processOf: (id: string) => FedProcess | undefined) {
    this.#clock = clock
    this.#processOf = processOf
  }

  /** A collector is there: it goes on behind what the last one has taken. */
  connect(send: (message: ToCollector) => void): void {
    this.#send = send
    this.#isUnseen = false
    for (const fed of this.#fed.values()) {
      fed.given = fed.taken
      this.#lively.add(fed)
    }
    this.#plan()
  }

  disconnect(): void {
    this.#send = null
  }

  /** A process has printed something. */
  linesCame(id: string): void {
    const found = this.#processOf(id)
    if (found === undefined) return
    this.#lively.add(this.#fedOf(id, found))
    this.#plan()
  }

  /** The last batch is on the disk. */
  taken(): void {
    this.#isUnseen = false
    for (const fed of this.#fed.values()) fed.taken = fed.given
    this.#forgetGone()
    this.#plan()
  }

  #fedOf(id: string, { spec, output }: FedProcess): Fed {
    const known = this.#fed.get(output)
    if (known !== undefined) return known
    const fed = { id, service: spec.service, output, taken: 0, given: 0 }
    this.#fed.set(output, fed)
    this.#forgetGone()
    return fed
  }

  /** Outputs of processes that nobody knows any more go when all of them was taken, or when there are too many. */
  #forgetGone(): void {
    const gone = [...this.#fed.values()].filter(
      ({ id, output }) => this.#processOf(id)?.output !== output,
    )
    const waiting = gone.filter(({ taken, output }) => taken < output.linesLast)
    const givenUp = new Set(waiting.slice(0, Math.max(0, waiting.length - GONE_OUTPUTS_MAX)))
    for (const fed of gone) {
      if (fed.taken < fed.output.linesLast && !givenUp.has(fed)) continue
      this.#dropped += fed.output.linesLast - fed.taken
      this.#fed.delete(fed.output)
      this.#lively.delete(fed)
    }
  }

  /** A moment later: a burst of lines is one batch. */
  #plan(): void {
    if (this.#isPlanned || this.#isUnseen || this.#send === null || this.#lively.size === 0) return
    this.#isPlanned = true
    this.#clock.after(0, () => this.#flush())
  }

  #flush(): void {
    this.#isPlanned = false
    if (this.#send === null || this.#isUnseen) return
    const lines: CollectedLine[] = []
    let characters = 0
    for (const fed of this.#lively) {
      const room = BATCH_CHARACTERS_MAX - characters
      if (lines.length >= BATCH_LINES_MAX || room <= 0) break
      characters += this.#read(fed, lines, room)
      if (fed.given >= fed.output.linesLast) this.#lively.delete(fed)
    }
    if (lines.length === 0 && this.#dropped === 0) return
    lines.sort((a, b) => a.atMs - b.atMs)
    this.#isUnseen = true
    this.#send({ type: 'collect', lines, dropped: this.#dropped })
    this.#dropped = 0
  }

  /** Returns how many characters were added. */
  #read(fed: Fed, into: CollectedLine[], charactersMax: number): number {
    const { output, service } = fed
    const linesMax = BATCH_LINES_MAX - into.length
    const { lines, dropped } = output.readAfter(
      fed.given,
      linesMax,
      Math.min(charactersMax, OUTPUT_BYTES_MAX),
    )
    this.#dropped += dropped
    fed.given += dropped
    let characters = 0
    for (const line of lines) {
      into.push({ ...line, service })
      fed.given = line.seq
      characters += line.text.length
    }
    return characters
  }
}
