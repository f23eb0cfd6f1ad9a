import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MERGED_BYTES_MAX, planMerge } from './merge-plan.ts'
import type { SealedFile } from './sealed-files.ts'

function file(number: number, bytes: number): SealedFile {
  const extent = { rows: 1, from: 1, to: 1 }
  const hour = '2026-11-29T19'
  return { path: `${number}`, hour, first: number, last: number, keep: 'default', bytes, extent }
}

test('a file that is large enough is not stepped over: a start would take it for a part of the merged one, and remove it', () => {
  const large = file(3, MERGED_BYTES_MAX)
  const wanted = (files: readonly SealedFile[]) =>
    planMerge(files, () => true)?.map(({ first }) => first)
  assert.equal(wanted([file(2, 10), large, file(4, 10)]), undefined)
  assert.deepEqual(wanted([file(1, 10), file(2, 10), large, file(4, 10)]), [1, 2])
  assert.deepEqual(wanted([file(2, 10), large, file(4, 10), file(5, 10)]), [4, 5])
})
