import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { test, type TestContext } from 'node:test'

/**
 * Adding a capability touches its own folder, one line of src/compose/control.ts and one line of src/settings.ts (each with its import).
 * Here an empty one with a listener, a setting, a metric, a problem and an admin route is added to a copy of the tree.
 */
const root = resolve(import.meta.dirname, '..')

const files = {
  'README.md': '# Hello\n\nIt greets whoever connects to `listen.hello`.\n',
  'errors.md': `## ERR_HELLO_SHY

It was told to greet with nothing at all, and therefore does not know what to say. Set \`hello.greeting\` to a text.
`,
  'settings.ts': `import { z } from 'zod'
import type { SettingsPart } from '../../platform/config/part.ts'

const hello = z
  .strictObject({ greeting: z.string().default('hello').describe('What it says.') })
  .prefault({})
  .describe('A greeter.')

/** The part of \`backplane.yaml\` that says how it greets. */
export const helloSettings = {
  sections: { hello },
  listeners: { hello: { protocol: 'http', port: 7777, about: 'Greetings', access: 'public' } },
} as const satisfies SettingsPart
`,
  'hello.ts': `import type { Part, Scope } from '../../platform/capability.ts'
import type { Settings } from '../../settings.ts'

export type HelloConfig = Settings['hello']

export interface Hello {
  readonly greetings: () => number
}

/** Opens its listener and greets. */
export async function startHello(
  first: HelloConfig,
  _needs: object,
  scope: Scope,
): Promise<Part<HelloConfig, Hello>> {
  let { greeting } = first
  let greetings = 0
  await scope.listeners.http('hello', {
    register(app) {
      app.get('/', () => {
        greetings++
        return greeting
      })
    },
  })
  return {
    api: { greetings: () => greetings },
    prepare: (next) => ({ commit: () => void (greeting = next.greeting) }),
    routes: [
      (app) =>
        app.get('/api/v1/hello', { schema: { summary: 'What it says.' } }, () => ({ greeting })),
    ],
    metrics: () => [
      {
        name: 'backplane_hello_greetings_total',
        help: 'Greetings.',
        type: 'counter',
        samples: [{ labels: {}, value: greetings }],
      },
    ],
    *problems() {
      const at = { service: '', instance: '' }
      if (greeting !== '') return
      yield { ...at, severity: 'warning', code: 'ERR_HELLO_SHY', text: 'It has nothing to say.' }
    },
  }
}
`,
}

const lines = {
  'src/settings.ts': {
    import: "import { helloSettings } from './capabilities/hello/settings.ts'",
    before: '])',
    line: '  helloSettings,',
  },
  'src/compose/control.ts': {
    import: "import { startHello } from '../capabilities/hello/hello.ts'",
    before: '  // What data serves is replaced as a whole',
    line: "  await host.start('hello', startHello, ({ settings }) => settings.hello, {})",
  },
}

/** A copy of the tree with the new capability in it. */
function plant(t: TestContext): string {
  const copy = mkdtempSync(join(tmpdir(), 'backplane-hello-'))
  t.after(() => rmSync(copy, { recursive: true, force: true }))
  const left = new Set(['node_modules', 'dist', '.git', '.backplane'])
  cpSync(root, copy, { recursive: true, filter: (source) => !left.has(basename(source)) })
  for (const name of ['node_modules', 'dist']) {
    symlinkSync(realpathSync(join(root, name)), join(copy, name))
  }
  const folder = join(copy, 'src/capabilities/hello')
  mkdirSync(folder)
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  for (const [path, added] of Object.entries(lines)) {
    const text = readFileSync(join(copy, path), 'utf8')
    const at = text.indexOf(`\n${added.before}`)
    assert.ok(at > 0, `${path} has no place for the line`)
    const next = `${added.import}\n${text.slice(0, at)}\n${added.line}${text.slice(at)}`
    writeFileSync(join(copy, path), next)
  }
  return copy
}

function run(copy: string, ...argv: readonly string[]): string {
  const { NODE_TEST_CONTEXT: _outer, ...env } = process.env
  return execFileSync(process.execPath, argv, { cwd: copy, env, encoding: 'utf8' })
}

test('a capability is one folder, one line of compose/ and one line of the settings', async (t) => {
  const copy = plant(t)
  run(copy, 'scripts/settings-docs.ts')
  assert.match(
    readFileSync(join(copy, 'docs/settings.md'), 'utf8'),
    /\| `greeting` \|.*What it says/,
  )
  assert.match(
    readFileSync(join(copy, 'docs/settings.md'), 'utf8'),
    /Greetings; default 127\.0\.0\.1:7777/,
  )
  run(copy, 'scripts/errors-docs.ts')
  assert.match(readFileSync(join(copy, 'docs/errors.md'), 'utf8'), /ERR_HELLO_SHY/)
  run(copy, '--test', 'test/tidy.test.ts')
  run(copy, 'node_modules/typescript/bin/tsc', '--noEmit')

  const harness = (await import(
    join(copy, 'test/harness/backplane.ts')
  )) as typeof import('./harness/backplane.ts')
  const configOf = (greeting: string) => `
listen: { default: off, gateway: 0, console: 0, hello: 0 }
hello: { greeting: "${greeting}" }
`
  await using backplane = await harness.startBackplane({ config: configOf('good day') })
  const textOf = async (url: string) => (await fetch(url)).text()
  assert.equal(await textOf(`http://${backplane.ready.listen['hello']}/`), 'good day')
  assert.match(await textOf(`${backplane.admin}/metrics`), /^backplane_hello_greetings_total 1$/m)
  assert.equal(await textOf(`${backplane.admin}/api/v1/hello`), '{"greeting":"good day"}')
  assert.match(await textOf(`${backplane.admin}/openapi.json`), /"\/api\/v1\/hello"/)
  assert.doesNotMatch(await textOf(`${backplane.admin}/api/v1/status`), /ERR_HELLO_SHY/)
  await backplane.configure(configOf(''))
  await harness.until(
    async () => (await textOf(`${backplane.admin}/api/v1/status`)).includes('ERR_HELLO_SHY'),
    'the problem after the reload',
  )
})
