import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { after, test } from 'node:test'
import { parse } from 'yaml'
import { z } from 'zod'
import { diffSettings } from './difference.ts'
import { loadConfig } from './load.ts'
import type { LoadedConfig, LoadOptions } from './load.ts'
import { ConfigError, formatPath, parsePath } from './problems.ts'
import { CONFIG_BYTES_MAX } from './yaml-tree.ts'
import { duration, listenAddress, secret, share, size } from './units.ts'

const folder = mkdtempSync(join(tmpdir(), 'backplane-config-'))
after(() => rmSync(folder, { recursive: true }))

const part = z.strictObject({
  wait: duration().prefault('2s'),
  body: size().optional(),
  listener: listenAddress().optional(),
  budget: share().prefault('20%'),
  env: z.record(z.string(), secret()).default({}),
  tags: z.array(z.string()).default([]),
})
const schema = z.strictObject({
  token: secret().optional(),
  parts: z.record(z.string(), part).default({}),
})
type Settings = z.output<typeof schema>

let fileCount = 0
function load(
  text: string,
  options: Partial<LoadOptions<typeof schema>> & { readonly over?: string } = {},
): Promise<LoadedConfig<Settings>> {
  fileCount += 1
  const { over, ...rest } = options
  const file = join(folder, `c${fileCount}.yaml`)
  writeFileSync(file, text)
  if (over !== undefined) writeFileSync(join(folder, `c${fileCount}.test.yaml`), over)
  return loadConfig({
    file,
    schema,
    env: {},
    ...(over === undefined ? {} : { overlay: 'test' }),
    ...rest,
  })
}

async function problemsOf(loading: Promise<unknown>): Promise<readonly string[]> {
  const error = await loading.then(
    () => assert.fail('was accepted'),
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof ConfigError, String(error))
  return error.problems.map(({ file, line, column, path, code, message }) =>
    [file.replace(/^c\d+/, 'c'), line, column, path, code, message].join(' '),
  )
}

test('an overlay merges maps, replaces lists and values, and takes away with null; lines stay right', async () => {
  const base = 'parts:\n  a: { wait: 1s, tags: [x, y] }\n  b:\n    wait: 5s\n    body: 1KiB\n'
  const over = 'parts:\n  a:\n    tags: [z]\n  b: { body: null }\n  c:\n'
  const { settings, sourceOf, files } = await load(base, { over })
  assert.deepEqual(settings.parts['a']?.tags, ['z'])
  assert.equal(settings.parts['a']?.wait, 1000)
  assert.equal(settings.parts['b']?.body, undefined)
  assert.equal(settings.parts['c']?.wait, 2000)
  const sources = [
    'parts.a',
    'parts.a.tags',
    'parts.a.tags[0]',
    'parts.b.wait',
    'parts.c',
    'parts.b.budget',
    'nothing',
  ]
  assert.deepEqual(
    sources.map((path) => sourceOf(path).replace(/^c\d+/, 'c')),
    [
      'c.yaml:2',
      'c.test.yaml:3',
      'c.test.yaml:3',
      'c.yaml:4',
      'c.test.yaml:5',
      'default',
      'default',
    ],
  )
  assert.deepEqual(files.map((file) => basename(file)).slice(2), ['.env'])
  assert.deepEqual(await problemsOf(load(base, { over: 'parts: { a: { wait: 1x } }' })), [
    'c.test.yaml 1 21 parts.a.wait ERR_CONFIG_VALUE_INVALID must be a duration such as 500ms, 2s or 5m, from 0s to 3650d; is 1x',
  ])
})

test('a missing overlay and a name that is a path are refused', async () => {
  const [missing = ''] = await problemsOf(load('parts: {}', { overlay: 'nope' }))
  assert.match(
    missing,
    /nope\.yaml 0 0 {2}ERR_CONFIG_FILE_MISSING not found in .*leave out the environment nope/,
  )
  const [path = ''] = await problemsOf(load('parts: {}', { overlay: '../etc' }))
  assert.match(path, /ERR_CONFIG_OVERLAY_NAME/)
})

test('anchors and merge keys work; the map itself wins', async () => {
  const { settings, sourceOf } = await load(
    'parts:\n  a: &a\n    wait: 1s\n    body: 1B\n  b:\n    <<: *a\n    wait: 3s\n  c: *a\n',
  )
  assert.equal(settings.parts['b']?.wait, 3000)
  assert.equal(settings.parts['b']?.body, 1)
  assert.deepEqual(settings.parts['c'], settings.parts['a'])
  assert.match(sourceOf('parts.b.body'), /:4$/)
})

test('what must never be read is refused: loops, prototypes, tags, several documents, depth, length', async () => {
  const deep = `parts: ${'['.repeat(5000)}${']'.repeat(5000)}`
  const cases: readonly [string, RegExp][] = [
    ['parts: &a { x: *a }', /ERR_CONFIG_SYNTAX .*contains itself/],
    ['parts: { __proto__: { wait: 1s } }', /ERR_CONFIG_SYNTAX/],
    ['parts: !!js/function x', /ERR_CONFIG_SYNTAX/],
    ['parts: {}\n---\nparts: {}', /ERR_CONFIG_SYNTAX/],
    [deep, /ERR_CONFIG_TOO_LARGE/],
    [`# ${'x'.repeat(CONFIG_BYTES_MAX)}`, /ERR_CONFIG_TOO_LARGE/],
  ]
  for (const [text, expected] of cases) {
    const [first = ''] = await problemsOf(load(text))
    assert.match(first, expected)
  }
  assert.equal(Object.hasOwn(Object.prototype, 'wait'), false)
})

test('JSON is YAML, and a byte order mark and CRLF do no harm', async () => {
  const { settings } = await load('\uFEFF{"parts":\r\n {"a": {"wait": "3s"}}}\r\n')
  assert.equal(settings.parts['a']?.wait, 3000)
})

test('secrets come from the environment and from files, are followed, and are shown nowhere', async () => {
  writeFileSync(join(folder, 'key.txt'), 'from-file\n')
  const text = 'token: { env: TOKEN }\nparts: { a: { env: { K: { file: key.txt }, N: 5 } } }'
  const config = await load(text, { env: { TOKEN: 'from-env' } })
  assert.equal(config.settings.token, 'from-env')
  assert.deepEqual(config.settings.parts['a']?.env, { K: 'from-file', N: '5' })
  assert.ok(config.files.includes(join(folder, 'key.txt')))
  assert.doesNotMatch(JSON.stringify(config.effective()), /from-|"5"/)
})

test('.env beside the file: the given environment wins, a mistake has its line and shows no value', async (t) => {
  const file = join(folder, '.env')
  t.after(() => rmSync(file))
  writeFileSync(file, '# ours\nexport TOKEN="from .env" # why\nOTHER=kept\nMORE=\'a\nb\'\n')
  const text = 'token: { env: TOKEN }'
  const config = await load(text)
  assert.equal(config.settings.token, 'from .env')
  assert.deepEqual([config.environment['OTHER'], config.environment['MORE']], ['kept', 'a\nb'])
  assert.ok(config.files.includes(file))
  const given = await load(text, { env: { TOKEN: 'given' } })
  assert.equal(given.settings.token, 'given')
  writeFileSync(file, 'A=1\nsecret word\nB="open\n')
  assert.deepEqual(await problemsOf(load(text)), [
    '.env 2 1  ERR_CONFIG_ENV_FILE this line is not NAME=value and no comment',
    '.env 1 1  ERR_CONFIG_ENV_FILE a value begins with " and does not end',
  ])
})

test('the effective settings are a valid file with the same meaning', async () => {
  const first = await load(
    'parts: { a: { wait: 90s, body: 64KiB, listener: "[::1]:80", budget: 0.333 }, b: }',
  )
  const shown = first.effective()
  assert.deepEqual(parse(JSON.stringify(shown)), {
    parts: {
      a: { wait: '1m30s', body: '64KiB', listener: '[::1]:80', budget: '33.3%', env: {}, tags: [] },
      b: { wait: '2s', budget: '20%', env: {}, tags: [] },
    },
  })
  const second = await load(JSON.stringify(shown))
  assert.deepEqual(second.settings, first.settings)
  assert.deepEqual(diffSettings(first, second), [])
  assert.match(first.sourceOf(['parts', 'a', 'wait']), /^c\d+\.yaml:1$/)
})

test('a difference names what changed, a changed secret without its value', async () => {
  const before = await load('token: one\nparts: { a: { wait: 1s, tags: [x] }, gone: {} }')
  const now = await load('token: two\nparts: { a: { wait: 3s, tags: [x, y], env: { A: b } } }')
  const differences = diffSettings(before, now)
  assert.deepEqual(
    differences.filter(({ path }) => !path.startsWith('parts.gone')),
    [
      { path: 'token', before: '***', after: '***' },
      { path: 'parts.a.wait', before: '1s', after: '3s' },
      { path: 'parts.a.env.A', before: undefined, after: '***' },
      { path: 'parts.a.tags[1]', before: undefined, after: 'y' },
    ],
  )
  assert.ok(
    differences.some(({ path, after: value }) => path === 'parts.gone.wait' && value === undefined),
  )
})

test('checks run only on what fits, and get no problem that follows from another one', async () => {
  const check = (settings: Settings) =>
    Object.entries(settings.parts).map(([name]) => ({
      path: ['parts', name],
      code: 'ERR_CONFIG_CONFLICT',
      message: 'seen',
      at: 'key' as const,
    }))
  const problems = await problemsOf(load('parts:\n  a: { wiat: 1s }\n  b: {}\n', { check }))
  assert.deepEqual(problems, [
    'c.yaml 2 8 parts.a.wiat ERR_CONFIG_UNKNOWN_SETTING unknown setting; did you mean wait?',
    'c.yaml 3 3 parts.b ERR_CONFIG_CONFLICT seen',
  ])
})

test('a path is written and read back', () => {
  for (const path of [['a', 'b'], ['gateway', 'routes', 0, 'to'], ['h', 'x.y'], ['x"]'], []]) {
    assert.deepEqual(parsePath(formatPath(path)), path)
  }
})
