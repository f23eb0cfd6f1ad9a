import assert from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { makeFolder } from '../testdata/specs.ts'
import { openTextLog, TEXT_LOG_BYTES_MAX } from './text-log.ts'

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}

test('a log begins anew at its bound and keeps the one before', { timeout: 10_000 }, async () => {
  const path = join(makeFolder(), 'run', 'x.log')
  const log = openTextLog(path)
  const line = 'x'.repeat(64 * 1024 - 1)
  let written = 0
  // Each line waits for the one before: what a slow disk has not taken is bounded, and dropped beyond.
  async function write(text: string): Promise<void> {
    log.write(text)
    written += text.length + 1
    while (sizeOf(path) + sizeOf(`${path}.1`) < written) await nextTurn()
  }
  while (written <= TEXT_LOG_BYTES_MAX) await write(line)
  assert.equal(sizeOf(`${path}.1`), 0)
  await write('after')
  log.close()
  assert.equal(readFileSync(path, 'utf8'), 'after\n')
  assert.equal(sizeOf(`${path}.1`), written - 'after\n'.length)
})
