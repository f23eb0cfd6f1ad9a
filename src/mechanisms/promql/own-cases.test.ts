import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { parseCaseFile } from './testing/case-file.ts'
import { runCases } from './testing/run-cases.ts'

for (const file of globSync(join(import.meta.dirname, 'testdata/*.cases')).toSorted()) {
  test(`own cases: ${basename(file)}`, async () => {
    const problems = await runCases(parseCaseFile(readFileSync(file, 'utf8')))
    assert.equal(problems.length, 0, `${problems.length} wrong:\n${problems.join('\n')}`)
  })
}

test('a case that is wrong is found', async () => {
  const text =
    'load 1m\n  a 1\n\neval instant at 0 a\n  a 2\n\neval instant at 0 a\n  expect warn\n  a 1\n'
  assert.equal((await runCases(parseCaseFile(text))).length, 2)
})
