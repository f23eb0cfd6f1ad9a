import assert from 'node:assert/strict'
import {
  copyFileSync,
  globSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { loadConfig } from '../platform/config/load.ts'
import { ConfigError, formatProblems } from '../platform/config/problems.ts'
import { checkSettings, settingsSchema, SMALLEST_FILE } from '../settings.ts'

// Each testdata/x.input, as backplane.yaml, is refused with exactly testdata/x.txt. UPDATE_TRANSCRIPTS=1 rewrites the texts: read the diff.
const folder = join(import.meta.dirname, 'testdata')
const temporary = mkdtempSync(join(tmpdir(), 'backplane-transcripts-'))
after(() => rmSync(temporary, { recursive: true }))

function load(file: string): Promise<unknown> {
  return loadConfig({
    file,
    schema: settingsSchema,
    env: { SET_BUT_EMPTY: '' },
    check: checkSettings,
    smallest: SMALLEST_FILE,
  })
}

async function refusalOf(file: string): Promise<ConfigError> {
  try {
    await load(file)
  } catch (error) {
    if (error instanceof ConfigError) return error
    throw error
  }
  return assert.fail(`${file} is valid`)
}

for (const name of readdirSync(folder).filter((each) => each.endsWith('.input'))) {
  test(`${name} is refused in these words`, async () => {
    const file = join(temporary, 'backplane.yaml')
    copyFileSync(join(folder, name), file)
    const error = await refusalOf(file)
    const said = `${formatProblems(error.problems, { color: false }).replaceAll(temporary, 'FOLDER')}\n`
    const expected = join(folder, name.replace('.input', '.txt'))
    if (process.env['UPDATE_TRANSCRIPTS']) writeFileSync(expected, said)
    assert.equal(said, readFileSync(expected, 'utf8'))
    assert.doesNotMatch(JSON.stringify(error.problems), /hunter|s3cret|2short/)
    assert.equal(error.code, error.problems[0]?.code)
  })
}

test('every code that the configuration gives is explained, and no other', () => {
  const root = join(import.meta.dirname, '..')
  const sources = globSync('{platform,capabilities}/**/*.ts', { cwd: root })
    .filter((name) => !name.endsWith('.test.ts'))
    .map((name) => readFileSync(join(root, name), 'utf8'))
  const given = sources.join('\n').match(/\bERR_CONFIG_[A-Z_]+(?![A-Z_…])/g) ?? []
  const page = readFileSync(join(root, '../docs/errors/config.md'), 'utf8')
  const explained = [...page.matchAll(/^## (ERR_\w+)$/gm)].map((match) => match[1])
  given.splice(0, given.length, ...given.filter((code) => !/^ERR_CONFIG_(RELOAD)?$/.test(code)))
  assert.deepEqual(new Set(given), new Set(explained))
  assert.equal(new Set(explained).size, explained.length)
})
