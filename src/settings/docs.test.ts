import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { EXAMPLE_FILE, formatJsonSchema, formatSettingsPage } from '../../scripts/settings-page.ts'
import { checkSettings, settingsSchema, SMALLEST_FILE } from '../settings.ts'

const docs = join(import.meta.dirname, '../../docs')

test('docs/settings.md and the JSON Schema are current (else run scripts/settings-docs.ts)', () => {
  assert.equal(readFileSync(join(docs, 'settings.md'), 'utf8'), formatSettingsPage())
  assert.equal(readFileSync(join(docs, 'backplane.schema.json'), 'utf8'), formatJsonSchema())
})

test('the examples are valid', () => {
  for (const text of [EXAMPLE_FILE, SMALLEST_FILE]) {
    const settings = settingsSchema.parse(parse(text))
    assert.deepEqual(
      checkSettings(settings, () => 'default', {}),
      [],
    )
  }
})

test('every setting has a default or may be left out, and a description', () => {
  assert.equal(settingsSchema.parse({}).gateway.limits.headers, 100)
  for (const row of formatSettingsPage().match(/^\| `[A-Za-z]+` \|.*$/gm) ?? [])
    assert.doesNotMatch(row, /\|\s+\|$/, row)
})
