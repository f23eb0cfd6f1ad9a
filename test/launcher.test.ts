import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'

/** `bin/backplane` in layouts made for it, with programs called node that only say how they were called. */
const launcher = resolve(import.meta.dirname, '../bin/backplane')
const canPin = process.platform === 'linux' && process.report !== undefined && isGlibc()
const pinned = `node-linux-${process.arch}`
let folder = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'backplane-launcher-'))
  mkdirSync(join(folder, 'package/bin'), { recursive: true })
  cpSync(launcher, join(folder, 'package/bin/backplane'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test('a checkout runs the source, an installed package the bundle, with the arguments as they are', () => {
  fakeNode('path/node', 'v24.21.0')
  write('package/dist/main.js')
  assert.deepEqual(launch('status', 'two words', '').said.slice(2), ['status', 'two words', ''])
  assert.match(launch().said[1] ?? '', /dist\/main\.js$/)
  write('package/src/main.ts')
  assert.match(launch().said[1] ?? '', /src\/main\.ts$/)
})

test(
  'the pinned runtime wins over the PATH, in the package or beside it',
  { skip: !canPin && 'needs Linux with glibc' },
  () => {
    fakeNode('path/node', 'v26.0.0')
    fakeNode(`${pinned}/bin/node`, 'v24.21.0', 'beside')
    assert.equal(launch().name, 'beside')
    fakeNode(`package/node_modules/${pinned}/bin/node`, 'v24.21.0', 'outbound')
    assert.equal(launch().name, 'outbound')
  },
)

test('links lead home, absolute and relative ones', () => {
  fakeNode('path/node', 'v24.21.0')
  write('package/src/main.ts')
  mkdirSync(join(folder, 'links/deep'), { recursive: true })
  symlinkSync('../package/bin/backplane', join(folder, 'links/one'))
  symlinkSync(join(folder, 'links/one'), join(folder, 'links/deep/two'))
  assert.match(launch({ command: join(folder, 'links/deep/two') }).said[1] ?? '', /src\/main\.ts$/)
})

test('a node that is too old, and none at all, end with what to install', () => {
  for (const version of ['v20.20.0', 'v24.11.9', 'nonsense']) {
    fakeNode('path/node', version)
    const { code, stderr } = launch()
    assert.equal(code, 1)
    assert.match(stderr, /needs Node\.js 24\.12 or newer/)
    assert.ok(stderr.includes(version))
  }
  rmSync(join(folder, 'path/node'))
  assert.equal(launch().code, 1)
  for (const version of ['v24.12.0', 'v25.0.0', 'v30.1.1']) {
    fakeNode('path/node', version)
    assert.equal(launch().code, 0, version)
  }
})

interface Launched {
  readonly code: number | null
  readonly stderr: string
  /** Which of the programs it was, and its arguments. */
  readonly name: string
  readonly said: readonly string[]
}

function launch(...given: readonly (string | { readonly command: string })[]): Launched {
  const command = given.find((one) => typeof one === 'object')?.command
  const args = given.filter((one) => typeof one === 'string')
  const { status, stdout, stderr } = spawnSync(
    command ?? join(folder, 'package/bin/backplane'),
    args,
    // What the script itself needs is in /bin; a node that the machine may have elsewhere must not be found.
    { env: { PATH: `${join(folder, 'path')}:${join(folder, 'tools')}` }, encoding: 'utf8' },
  )
  const [name = '', ...said] = stdout.split('\n').slice(0, -1)
  return { code: status, stderr, name, said }
}

/** The two programs that the launcher may call besides node. */
beforeEach(() => {
  mkdirSync(join(folder, 'tools'))
  for (const tool of ['readlink', 'cat']) {
    const found = spawnSync('sh', ['-c', `command -v ${tool}`], { encoding: 'utf8' }).stdout.trim()
    symlinkSync(found, join(folder, 'tools', tool))
  }
})

function fakeNode(path: string, version: string, name = 'node'): void {
  const script = `#!/bin/sh\nif [ "$1" = --version ]; then echo ${version}; exit; fi\nprintf '%s\\n' ${name} "$@"\n`
  write(path, script)
  chmodSync(join(folder, path), 0o755)
}

function write(path: string, text = ''): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  writeFileSync(join(folder, path), text)
}

function isGlibc(): boolean {
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } }
  return header.glibcVersionRuntime !== undefined
}
