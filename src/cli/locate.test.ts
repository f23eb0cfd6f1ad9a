import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { locateConfig, locateData } from './locate.ts'

test('the file is the named one, the one in a named folder, or the nearest one above', (t) => {
  const top = mkdtempSync(join(tmpdir(), 'backplane-locate-'))
  t.after(() => rmSync(top, { recursive: true }))
  const deep = join(top, 'a', 'b')
  mkdirSync(deep, { recursive: true })
  assert.equal(locateConfig(undefined, deep), join(deep, 'backplane.yaml'))
  writeFileSync(join(top, 'backplane.yaml'), '')
  assert.equal(locateConfig(undefined, deep), join(top, 'backplane.yaml'))
  assert.equal(locateConfig('..', deep), join(top, 'a', 'backplane.yaml'))
  assert.equal(locateConfig('x.yaml', deep), join(deep, 'x.yaml'))
  assert.equal(locateData(undefined, join(top, 'x.yaml'), deep), join(top, '.backplane'))
  assert.equal(locateData('d', join(top, 'x.yaml'), deep), join(deep, 'd'))
})
