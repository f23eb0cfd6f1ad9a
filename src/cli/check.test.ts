import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { after, test } from 'node:test'
import { runCheck } from './check.ts'

const cwd = mkdtempSync(join(tmpdir(), 'backplane-check-'))
after(() => rmSync(cwd, { recursive: true }))
writeFileSync(
  join(cwd, 'backplane.yaml'),
  'services:\n  a: { run: node a.js }\n  b: {}\ngateway: { routes: [{ to: a }] }\n',
)
writeFileSync(join(cwd, 'backplane.production.yaml'), 'services: { a: { instances: 0.5 } }\n')

async function check(
  ...argv: string[]
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  const texts = { out: '', err: '' }
  const collect = (name: 'out' | 'err'): Writable =>
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        texts[name] += chunk.toString()
        done()
      },
    })
  const code = await runCheck(argv, {
    stdout: collect('out'),
    stderr: collect('err'),
    env: {},
    cwd,
  })
  return { code, ...texts }
}

test('a valid file is summed up in one line', async () => {
  assert.deepEqual(await check(), {
    code: 0,
    out: 'backplane.yaml is valid: 2 services, 1 route\n',
    err: '',
  })
  assert.deepEqual(await check('--json'), { code: 0, out: '{"ok":true,"problems":[]}\n', err: '' })
})

test('an invalid one is told with file, line and column; --json on stdout', async () => {
  const plain = await check('--env', 'production')
  assert.equal(plain.code, 1)
  assert.equal(plain.out, '')
  assert.match(
    plain.err,
    /^backplane\.production\.yaml:1:29 services\.a\.instances: must be a whole number or a map/,
  )
  assert.ok(!plain.err.includes('\u001B'))
  const json = await check('--env', 'production', '--json')
  assert.equal(json.code, 1)
  const { ok, problems } = JSON.parse(json.out) as {
    ok: boolean
    problems: { line: number; code: string }[]
  }
  assert.equal(ok, false)
  assert.deepEqual(
    problems.map(({ line, code }) => [line, code]),
    [[1, 'ERR_CONFIG_VALUE_INVALID']],
  )
})

test('a missing file says what to create; wrong use is 2', async () => {
  const missing = await check('--config', 'nope.yaml')
  assert.equal(missing.code, 1)
  assert.match(
    missing.err,
    /^nope\.yaml not found in .*; create one, the smallest is\n\n {4}services:/,
  )
  assert.equal((await check('--jsn')).code, 2)
  assert.equal((await check('--help')).code, 0)
})
