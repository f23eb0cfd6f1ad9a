import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'node:test'

const root = resolve(import.meta.dirname, '..')

test('every line of docs/identity-conformance.md names a test that there is', () => {
  const files = [
    'src/capabilities/identity/**/*.test.ts',
    'src/capabilities/identity/**/*.contract.ts',
    'test/{e2e,interop}/identity*.test.ts',
  ].flatMap((pattern) => globSync(pattern, { cwd: root }))
  const text = files.map((file) => readFileSync(join(root, file), 'utf8')).join('\n')
  const page = readFileSync(join(root, 'docs/identity-conformance.md'), 'utf8')
  const rows = page
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| ---'))
    .map((line) =>
      line
        .split('|')
        .map((cell) => cell.trim())
        .slice(1),
    )
    .filter(([rule]) => rule !== 'rule' && rule !== 'module')
  assert.ok(rows.length > 30)
  for (const [rule, name = '', result] of rows) {
    if (name === '') assert.match(result ?? '', /^not /, rule)
    else assert.ok(text.includes(`test('${name}'`), `${rule}: no test '${name}'`)
  }
})
