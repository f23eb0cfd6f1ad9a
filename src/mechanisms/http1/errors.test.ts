import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { HEAD_ERROR, HEAD_ERRORS, headError } from './errors.ts'

const ids = Object.values(HEAD_ERROR)

test('each id has an entry of its own', () => {
  assert.equal(HEAD_ERRORS.length, ids.length + 1)
  assert.equal(new Set(ids).size, ids.length)
  assert.equal(new Set(ids.map((id) => headError(id).code)).size, ids.length)
  for (const id of ids) assert.ok(headError(id).status >= 400 && headError(id).title.endsWith('.'))
})

test('a number that no parser returns is refused', () => {
  for (const id of [0, 1, -100]) assert.throws(() => headError(id), RangeError)
})

test('docs/errors/http1.md has exactly the codes that exist', () => {
  const text = readFileSync(new URL('../../../docs/errors/http1.md', import.meta.url), 'utf8')
  const documented = [...text.matchAll(/^## (\S+)$/gm)].map(([, code]) => code)
  assert.equal(documented.length, ids.length)
  assert.deepEqual(new Set(documented), new Set(ids.map((id) => headError(id).code)))
})
