import type { CheckStatus } from '../check-spec.ts'

/** Bounds on what one source may say; errors name them. */
export const SOURCE_LIMITS = {
  answerBytesMax: 16 * 1024 * 1024,
  targetsMax: 10_000,
} as const

/** One instance as a source names it. */
export interface Target {
  /** Unique in the source, and the same as long as it is the same instance. */
  readonly id: string
  readonly host: string
  readonly port: number
  readonly tags?: readonly string[]
  readonly meta?: Readonly<Record<string, string>>
  readonly weights?: { readonly passing: number; readonly warning: number }
  /** Of a source that checks by itself; undefined: our own checks say. */
  readonly status?: CheckStatus
}

/** What one look at a source found. */
export interface Look {
  readonly targets: readonly Target[]
  /** When to look again, in milliseconds; 0: at once, the look waits by itself. */
  readonly againMs: number
}

/** Somebody who knows instances of a service. */
export interface Source {
  readonly kind: 'consul' | 'dns' | 'file' | 'http'
  /** Where it is, for people; without secrets. */
  readonly place: string
  /** Looks once; a source that tells changes waits up to `waitMs` for one. Throws where it cannot be reached or understood. */
  look(waitMs: number, signal: AbortSignal): Promise<Look>
  /** Ends what belongs to it. */
  close?(): void
}

/** A source that cannot be reached or understood. The message says why, for people. */
export class SourceError extends Error {
  override readonly name = 'SourceError'
}
