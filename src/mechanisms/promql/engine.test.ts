import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { parseCaseFile } from './testing/case-file.ts'
import { runCases } from './testing/run-cases.ts'

/** Prometheus' own cases; another folder can be named to run others. */
const folder =
  process.env['PROMQLTEST_FOLDER'] ??
  join(import.meta.dirname, '../../../../shared/data/promqltest')
const skip = existsSync(folder)
  ? false
  : 'LOUD: the case files of Prometheus are not beside this project (../shared/data/promqltest)'

test('the cases of Prometheus are there', { skip }, () => {
  assert.ok(files().length > 0)
})

for (const file of files()) {
  test(`Prometheus' cases: ${basename(file)}`, async () => {
    const problems = await runCases(parseCaseFile(readFileSync(file, 'utf8')))
    assert.equal(problems.length, 0, `${problems.length} wrong:\n${problems.join('\n')}`)
  })
}

function files(): readonly string[] {
  return skip === false ? globSync(join(folder, '*.test')).toSorted() : []
}
