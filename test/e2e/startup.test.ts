import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { runCli, startBackplane } from '../harness/backplane.ts'

test('without a file: the error says what to do', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'backplane-empty-'))
  const up = await runCli(['up'], folder)
  assert.equal(up.code, 1)
  assert.match(up.stderr, /backplane\.yaml/)
  assert.match(up.stderr, /ERR_CONFIG_FILE_MISSING|create/i)
  const status = await runCli(['status'], folder)
  assert.equal(status.code, 1)
  assert.match(status.stderr, /backplane up/)
  await rm(folder, { recursive: true })
})

test('a file with mistakes: every one with line, column and the nearest word, and nothing is started', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'backplane-bad-'))
  await writeFile(
    join(folder, 'backplane.yaml'),
    'services:\n  a: { run: node a.js, helth: {} }\n  b: { run: x, after: [c] }\n',
  )
  const up = await runCli(['up'], folder)
  assert.equal(up.code, 1)
  assert.match(up.stderr, /backplane\.yaml:2:\d+ .*helth.*health/)
  const check = await runCli(['check', '--json'], folder)
  assert.equal(check.code, 1)
  assert.equal((JSON.parse(check.stdout) as { ok: boolean }).ok, false)
  await rm(folder, { recursive: true })
})

test('a named listener that is taken is an error with port and setting; an automatic one only stays closed', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const { port } = taken.address() as AddressInfo
  const folder = await mkdtemp(join(tmpdir(), 'backplane-taken-'))
  for (const listener of ['gateway', 'console']) {
    const other = listener === 'gateway' ? 'console' : 'gateway'
    await writeFile(
      join(folder, 'backplane.yaml'),
      `listen: { ${listener}: ${port}, ${other}: 0 }\n`,
    )
    const up = await runCli(['up'], folder)
    assert.equal(up.code, 1, up.stdout + up.stderr)
    assert.match(up.stderr, new RegExp(`${listener}.*${port}`))
    assert.match(up.stderr, /ERR_LISTENER_TAKEN/)
  }
  taken.close()
  await rm(folder, { recursive: true })
})

test('--data on a folder of somebody else is refused and stays as it is; an empty one is taken', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'backplane-data-'))
  const config = 'listen: { default: off, gateway: 0, console: 0 }\n'
  const data = join(folder, 'data')
  await mkdir(data)
  await chmod(data, 0o755)
  await writeFile(join(data, 'thesis.tex'), 'mine')
  await writeFile(join(folder, 'backplane.yaml'), config)
  const up = await runCli(['up', '--data', 'data'], folder)
  assert.equal(up.code, 1)
  assert.match(up.stderr, /thesis\.tex.*--data.*\[ERR_PROCESSES_DATA_FOREIGN\]/)
  assert.deepEqual(await readdir(data), ['thesis.tex'])
  assert.equal((await stat(data)).mode & 0o777, 0o755)
  await rm(join(data, 'thesis.tex'))
  {
    await using backplane = await startBackplane({ config, folder, args: ['--data', 'data'] })
    await (await fetch(`${backplane.gateway}/nowhere`)).arrayBuffer()
    assert.equal((await stat(data)).mode & 0o777, 0o755)
    for (const name of await readdir(data)) {
      const { mode } = await stat(join(data, name))
      assert.equal(mode & 0o077, 0, `${name} is for its owner`)
    }
  }
  await rm(folder, { recursive: true, force: true })
})

test('commands explain themselves and refuse wrong use with code 2', async () => {
  const folder = tmpdir()
  assert.match((await runCli(['--help'], folder)).stdout, /backplane up/)
  assert.match((await runCli(['--version'], folder)).stdout, /^\d+\.\d+\.\d+\n$/)
  for (const name of [
    'up',
    'check',
    'status',
    'logs',
    'restart',
    'stop',
    'start',
    'scale',
    'why',
  ]) {
    const help = await runCli([name, '--help'], folder)
    assert.equal(help.code, 0, name)
    assert.match(help.stdout, new RegExp(`^backplane ${name}`))
  }
  const wrong = await runCli(['restrat', 'x'], folder)
  assert.equal(wrong.code, 2)
  assert.match(wrong.stderr, /restart/)
  assert.equal((await runCli(['scale', 'x'], folder)).code, 2)
})

test('a service that crashes again and again is a problem with its last line, and the others run', async () => {
  const config = `
listen: { default: off, gateway: 0, console: 0 }
services:
  bad: { run: [node, -e, "console.error('no database'); process.exit(7)"], restart: { backoff: { min: 10ms, max: 50ms }, loop: 3 } }
  lost: { run: no-such-program-anywhere }
`
  await using backplane = await startBackplane({ config })
  const status = await runCli(['status'], backplane.folder)
  assert.equal(status.code, 1)
  assert.match(status.stdout, /bad-1/)
  assert.match(status.stdout, /no-such-program-anywhere/)
  const logs = await runCli(['logs', 'bad', '--tail', '5'], backplane.folder)
  assert.match(logs.stdout, /no database/)
})
