import type { EngineFailure } from './messages.ts'

/** A question has no answer. */
export class EngineError extends Error {
  readonly reason: EngineFailure | 'timeout' | 'died'
  override readonly name = 'EngineError'

  constructor(reason: EngineFailure | 'timeout' | 'died', message: string) {
    super(message)
    this.reason = reason
  }
}
