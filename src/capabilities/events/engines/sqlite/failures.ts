import { failureOf } from '../../../../platform/storage/statements.ts'
import { CorruptEventError } from './corrupt.ts'
import type { EngineFailure } from './messages.ts'

/** Primary result codes of SQLite for a page that is not what it should be. */
const CORRUPT_CODES: ReadonlySet<number> = new Set([11, 26])

/** What crosses the boundary of the thread of an error. */
export function engineFailureOf(error: unknown): EngineFailure {
  if (error instanceof CorruptEventError) return { code: error.code, message: error.message }
  const code = error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : 0
  if (CORRUPT_CODES.has(code) && error instanceof Error) {
    return {
      code: 'ERR_EVENTS_CORRUPT',
      message: `A page of the file of events is damaged (${error.message}). What does not need this page is read; restore the file from a backup.`,
    }
  }
  return failureOf(error, '')
}
