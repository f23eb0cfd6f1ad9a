import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'

const root = resolve(import.meta.dirname, '../..')
const runFile = promisify(execFile)

/** What a user gets from `npm install`: the packed files in an empty folder, nothing of the checkout. */
let folder = ''
const backplane = (...args: readonly string[]) =>
  runFile(join(folder, 'node_modules/.bin/backplane'), args, { cwd: folder })

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'backplane-package-'))
  await runFile(process.execPath, ['scripts/build.ts'], { cwd: root })
  const packing = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder]
  const packed = JSON.parse((await runFile('npm', packing, { cwd: root })).stdout) as [
    { filename: string },
  ]
  await writeFile(join(folder, 'package.json'), '{ "private": true }')
  // The packages of our own lock file are in npm's cache: the registry is only asked for what is not.
  const flags = ['--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts']
  await runFile('npm', ['install', ...flags, `./${packed[0].filename}`], { cwd: folder })
})

after(() => rm(folder, { recursive: true, force: true }))

test('the installed command says its version', async () => {
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    version: string
  }
  const { stdout } = await backplane('--version')
  assert.ok(stdout.includes(version), stdout)
})

test('the installed command checks a configuration', async () => {
  await writeFile(join(folder, 'backplane.yaml'), 'services:\n  orders: { run: node orders.js }\n')
  await backplane('check')
  await writeFile(join(folder, 'backplane.yaml'), 'services:\n  orders: { rum: node orders.js }\n')
  await assert.rejects(backplane('check'), (error: { code: number; stderr: string }) => {
    assert.notEqual(error.code, 0)
    assert.match(error.stderr, /backplane\.yaml:2/)
    return true
  })
})

test('the installed program runs: both planes with their threads, the console, a clean end', async (t) => {
  await writeFile(join(folder, 'hello.mjs'), hello)
  await writeFile(join(folder, 'backplane.yaml'), config)
  const child = spawn(join(folder, 'node_modules/.bin/backplane'), ['up', '--json'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  t.after(() => child.exitCode ?? child.kill('SIGTERM'))
  const [line] = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    ended.then(([code]) => assert.fail(`up ended with ${code} before it was ready`)),
  ])
  const { listen } = JSON.parse(line) as {
    listen: { gateway: string; console: string }
  }
  assert.equal(await (await fetch(`http://${listen.gateway}/`)).text(), 'hello')
  assert.match(await (await fetch(`http://${listen.console}/`)).text(), /<script[^>]+src=/)
  child.kill('SIGINT')
  assert.deepEqual(await ended, [0, null])
})

const hello = `
import { createServer } from 'node:http'
createServer((request, response) => response.end('hello')).listen(process.env.PORT, '127.0.0.1')
`
const config = `
listen: { default: off, gateway: 0, console: 0 }
services:
  hello: { run: '"${process.execPath}" hello.mjs' }
gateway:
  routes: [{ to: hello }]
`
