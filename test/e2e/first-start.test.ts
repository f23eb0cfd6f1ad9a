import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, globSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, test } from 'node:test'
import { startBackplane } from '../harness/backplane.ts'

const root = resolve(import.meta.dirname, '../..')
const folder = mkdtempSync(join(tmpdir(), 'backplane-'))
after(() => rmSync(folder, { recursive: true, force: true }))

/** Runs the script of the installation with `folder/name` in place of the temporary folder; it must say nothing and succeed. */
function warm(home: string, name: string, env: Readonly<Record<string, string>> = {}): void {
  const temporary = join(folder, name)
  mkdirSync(temporary)
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(home, 'scripts/warm-cache.mjs')],
    { env: { ...process.env, TMPDIR: temporary, ...env }, encoding: 'utf8' },
  )
  assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: '', stderr: '' })
  assert.deepEqual(readdirSync(temporary), [], 'what it made is gone again')
}

test('after an installation the first start has nothing to compile', async () => {
  const cache = join(folder, 'cache')
  const compiled = () => globSync('*/*', { cwd: cache }).toSorted()
  warm(root, 'warm', { NODE_COMPILE_CACHE: cache })
  const before = compiled()
  assert.ok(before.length > 0)
  {
    await using backplane = await startBackplane({
      config: 'listen: { default: off, gateway: 0, console: 0 }\n',
      env: { NODE_COMPILE_CACHE: cache },
    })
    await fetch(backplane.gateway)
  }
  assert.deepEqual(compiled(), before)
})

test('an installation that cannot start the program succeeds all the same', () => {
  const home = join(folder, 'broken')
  cpSync(join(root, 'scripts/warm-cache.mjs'), join(home, 'scripts/warm-cache.mjs'))
  warm(home, 'nothing')
  cpSync(join(root, 'bin'), join(home, 'bin'), { recursive: true })
  warm(home, 'no-sources')
})
