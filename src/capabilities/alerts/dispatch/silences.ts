import {
  compileMatchers,
  type LabelTest,
} from '../../../mechanisms/alert-routing/compile-matchers.ts'
import type { Labels } from '../../../mechanisms/labels/labels.ts'
import type { Matcher } from '../../../mechanisms/promql/queryable.ts'

/** Silences that are kept. */
export const SILENCES_MAX = 1_000
/** One that is over is shown for so long. */
const KEPT_MS = 5 * 86_400_000

/** Alerts that nobody is told of for a time. */
export interface Silence {
  readonly id: string
  readonly matchers: readonly Matcher[]
  readonly startsAtMs: number
  readonly endsAtMs: number
  readonly createdBy: string
  readonly comment: string
}

/** There are too many silences. */
export class SilencesFullError extends Error {
  readonly code = 'ERR_ALERTS_SILENCES'

  constructor() {
    super(`there are ${SILENCES_MAX} silences; end some of them`)
    this.name = 'SilencesFullError'
  }
}

/** All silences. Whoever changes them writes them to the disk. */
export class Silences {
  readonly #all = new Map<string, { readonly silence: Silence; readonly matches: LabelTest }>()

  constructor(kept: readonly Silence[] = []) {
    for (const silence of kept) this.#all.set(silence.id, ready(silence))
  }

  /** The newest first. */
  list(): readonly Silence[] {
    return [...this.#all.values()]
      .map(({ silence }) => silence)
      .toSorted((one, other) => other.startsAtMs - one.startsAtMs)
  }

  /** Adds or replaces one. Throws `PatternError`, `SilencesFullError`. */
  put(silence: Silence, nowMs: number): void {
    this.#forget(nowMs)
    if (!this.#all.has(silence.id) && this.#all.size >= SILENCES_MAX) throw new SilencesFullError()
    this.#all.set(silence.id, ready(silence))
  }

  /** Ends one now. False where there is none, or it is over. */
  end(id: string, nowMs: number): boolean {
    const found = this.#all.get(id)
    if (found === undefined || found.silence.endsAtMs <= nowMs) return false
    this.#all.set(id, { ...found, silence: { ...found.silence, endsAtMs: nowMs } })
    return true
  }

  /** Ids of the silences that an alert is under. */
  idsFor(labels: Labels, nowMs: number): readonly string[] {
    return [...this.#all.values()].flatMap(({ silence, matches }) =>
      silence.startsAtMs <= nowMs && nowMs < silence.endsAtMs && matches(labels)
        ? [silence.id]
        : [],
    )
  }

  #forget(nowMs: number): void {
    for (const [id, { silence }] of this.#all) {
      if (silence.endsAtMs + KEPT_MS < nowMs) this.#all.delete(id)
    }
  }
}

function ready(silence: Silence) {
  return { silence, matches: compileMatchers(silence.matchers) }
}
