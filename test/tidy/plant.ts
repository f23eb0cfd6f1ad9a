import assert from 'node:assert/strict'
import { parseFile, type ParsedFile } from './source.ts'

/** Each check is shown something bad, which it must find, and something good, which it must leave alone. */
export function file(path: string, ...lines: readonly string[]): ParsedFile {
  return parseFile({ path, text: lines.join('\n') })
}

/** One thing was planted, and found once. */
export function caught(problems: readonly string[]): void {
  assert.equal(problems.length, 1, `one problem was planted, found: ${problems.join(' | ')}`)
}

/** Nothing was found. */
export function fine(problems: readonly string[]): void {
  assert.deepEqual(problems, [])
}
