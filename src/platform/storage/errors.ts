import { ProblemError } from '../problem.ts'
import type { ThreadFailure } from './messages.ts'

/** `ERR_STORAGE_*`: docs/errors/discovery.md explains each. */
export class StorageError extends Error {
  override readonly name = 'StorageError'
  readonly code:
    | ThreadFailure['code']
    | 'ERR_STORAGE_BUSY'
    | 'ERR_STORAGE_CLOSED'
    | 'ERR_STORAGE_GONE'

  constructor(code: StorageError['code'], message: string) {
    super(message)
    this.code = code
  }
}

/** A storage error as clients of an HTTP listener see it: 507 for a full disk, else 503; what is no storage error stays as it is. */
export function storageProblemOf(error: unknown): unknown {
  if (!(error instanceof StorageError)) return error
  return new ProblemError(error.code === 'ERR_STORAGE_FULL' ? 507 : 503, error.code, error.message)
}
