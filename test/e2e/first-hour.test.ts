import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { runCli, startBackplane, until } from '../harness/backplane.ts'

interface Status {
  readonly problems: readonly { readonly code: string; readonly text: string }[]
  readonly services: readonly {
    readonly name: string
    readonly state: string
    readonly routableCount: number
    readonly instances: readonly {
      readonly id: string
      readonly health: string
      readonly process: {
        readonly state: string
        readonly isGivenUp?: boolean
        readonly restarts: number
      } | null
    }[]
  }[]
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}

async function statusOf(folder: string): Promise<Status> {
  return JSON.parse((await runCli(['status', '--json'], folder)).stdout) as Status
}

const speaks = (word: string) =>
  `console.log('${word}', process.env.BACKPLANE_INSTANCE); require('http').createServer((q, r) => r.end('ours')).listen(process.env.PORT)`

test('a fixed port that a stranger holds: it gets no traffic, is named, and the service starts when it goes', async () => {
  const stranger = createServer((_request, response) => response.end('stranger'))
  stranger.listen(0, '127.0.0.1')
  await once(stranger, 'listening')
  const { port } = stranger.address() as AddressInfo
  await using system = await startBackplane({
    config: `services:
  shop: { run: [node, -e, "${speaks('up')}"], port: ${port}, restart: { backoff: { max: 200ms } } }
gateway: { routes: [{ path: /**, to: shop }] }
listen: { default: off, gateway: 0, console: 0 }
`,
  })
  const get = async () => {
    const response = await fetch(`http://${system.ready.listen['gateway']}/`)
    return `${response.status} ${await response.text()}`
  }
  const wrong = await until(async () => {
    const { problems } = await statusOf(system.folder)
    return problems.find(({ code }) => code === 'ERR_PORT_TAKEN')
  }, 'the problem')
  assert.match(wrong.text, new RegExp(`port ${port} is held by pid ${process.pid} \\(`))
  assert.match(await get(), /^503/)
  stranger.close()
  stranger.closeAllConnections()
  await until(async () => (await get()) === '200 ours', 'the service')
})

test('a stranger that takes the fixed port of a running instance gets no traffic; a helper outside of its group does', async (t) => {
  const helper = `require('child_process').spawn(process.execPath, ['-e', "process.stdin.on('end', process.exit).resume(); require('http').createServer((q, r) => r.end('helped')).listen(process.env.PORT)"], { detached: true, stdio: ['pipe', 'inherit', 'inherit'] }); setInterval(() => {}, 1e6)`
  const [port, helpedPort] = [await freePort(), await freePort()]
  const file = (shop = '', to = 'helped') => `services:
  helped: { run: [node, -e, ${JSON.stringify(helper)}], port: ${helpedPort} }
  ${shop}
gateway: { routes: [{ path: /helped, to: helped }, { path: /, to: ${to} }] }
listen: { default: off, gateway: 0, console: 0 }
`
  const silent = `shop: { run: [node, -e, "setInterval(() => {}, 1e6)"], port: ${port} }`
  await using system = await startBackplane({ config: file() })
  const get = async (path: string) => {
    const response = await fetch(`${system.gateway}${path}`)
    return `${response.status} ${await response.text()}`
  }
  await until(async () => (await get('/helped')) === '200 helped', 'the helper')
  await system.configure(file(silent, 'shop'))
  system.child.kill('SIGHUP')
  const stranger = createServer((_request, response) => response.end('stranger'))
  t.after(() => stranger.close().closeAllConnections())
  await until(async () => {
    const { services } = await statusOf(system.folder)
    const shop = services.find(({ name }) => name === 'shop')?.instances[0]
    return shop?.process?.state === 'running'
  }, 'the process')
  stranger.listen(port, '127.0.0.1')
  await once(stranger, 'listening')
  const wrong = await until(async () => {
    const { problems } = await statusOf(system.folder)
    return problems.find(({ code }) => code === 'ERR_PORT_TAKEN')
  }, 'the problem')
  assert.match(wrong.text, new RegExp(`pid ${process.pid} \\(.*listens on its port ${port}`))
  assert.match(await get('/'), /^503/)
})

test('what ended instances have printed stays: after a stop, after a restart, and alone with --previous', async () => {
  await using system = await startBackplane({
    config: `services:
  shop: { run: [node, -e, "${speaks('hello from')}"], instances: 2, stop: { drain: 0s } }
  once: { run: [node, -e, "console.log('trying'); process.exit(4)"], task: true, restart: { max: 1, backoff: { min: 10ms } } }
listen: { default: off, gateway: 0, console: 0 }
`,
  })
  const cli = async (...words: string[]) => (await runCli(words, system.folder)).stdout
  const isIn = (state: string) => async () => {
    const { services } = await statusOf(system.folder)
    return services.find(({ name }) => name === 'shop')?.state === state
  }
  await until(isIn('healthy'), 'a healthy shop')
  // One instance by its id: the other one stays.
  await cli('restart', 'shop-1')
  await until(
    async () => (await cli('logs', 'shop-3')).includes('hello from shop-3'),
    'the line of the new instance',
  )
  await until(async () => {
    const { services } = await statusOf(system.folder)
    const ids = services.find(({ name }) => name === 'shop')?.instances.map(({ id }) => id)
    return ids?.join() === 'shop-2,shop-3'
  }, 'the old instance to go')
  assert.match(await cli('logs', 'shop'), /hello from shop-1[^]*hello from shop-3/)
  const previous = await cli('logs', 'shop', '--previous', '--no-times')
  assert.equal(previous, 'shop-1 | hello from shop-1\n')
  await cli('stop', 'shop')
  await until(isIn('stopped'), 'a stopped shop')
  assert.match(await cli('logs', 'shop', '--grep', 'SHOP-2'), /hello from shop-2/)
  const unknown = await runCli(['logs', 'shpo'], system.folder)
  assert.match(unknown.stderr, /Did you mean shop\?/)

  const once = await until(async () => {
    const { services } = await statusOf(system.folder)
    const [instance] = services.find(({ name }) => name === 'once')?.instances ?? []
    return instance?.process?.isGivenUp === true && instance.process
  }, 'the task that is given up')
  assert.equal(once.restarts, 1)
  const { problems } = await statusOf(system.folder)
  const given = problems.find(({ code }) => code === 'ERR_PROCESSES_ENDED')
  assert.match(
    given?.text ?? '',
    /once-1 failed as often as restart.max allows and is given up: exit code 4 · trying/,
  )
})

test('up -d leaves it running, status and run know its services, down stops it; from a folder below', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'backplane-detached-'))
  const below = join(folder, 'below')
  await mkdir(below)
  const cli = (...words: string[]) => runCli(words, below)
  t.after(async () => {
    await cli('down')
    await rm(folder, { recursive: true })
  })
  await writeFile(
    join(folder, 'backplane.yaml'),
    `services:
  shop: { run: [node, -e, "${speaks('up')}"], env: { SECRET: { env: FROM_ENV_FILE } } }
  broken: { run: [node, -e, "process.exit(3)"], restart: { policy: never } }
listen: { default: off, gateway: 0, console: 0 }
`,
  )
  await writeFile(join(folder, '.env'), 'FROM_ENV_FILE=hidden\nWORD=from-env-file\n')
  const up = await cli('up', '-d', '--json')
  assert.equal(up.code, 0, up.stderr)
  assert.match(up.stdout, /^\{"event":"ready"/)
  assert.equal((await cli('up', '-d')).code, 3)

  const one = await cli('status', 'shop', '--json')
  assert.equal(one.code, 0)
  assert.deepEqual(
    (JSON.parse(one.stdout) as Status).services.map(({ name }) => name),
    ['shop'],
  )
  assert.equal((await cli('status', 'broken')).code, 1)
  assert.match((await cli('status', 'shp')).stderr, /Did you mean shop\?/)

  const script =
    'const e = process.env; console.log(e.SECRET, e.WORD, e.OTEL_SERVICE_NAME, e.BROKEN_URL)'
  const run = await cli('run', 'shop', 'node', '-e', script)
  assert.match(run.stdout, /^hidden from-env-file shop http:\/\/127\.0\.0\.1:\d+\n$/)
  assert.equal((await cli('run', 'shop', 'node', '-e', 'process.exit(7)')).code, 7)
  assert.match((await cli('run', 'shop', 'no-such-program')).stderr, /ERR_CLI_COMMAND/)
  assert.deepEqual((await cli('completion', 'names')).stdout.trim().split('\n').toSorted(), [
    'broken',
    'broken-1',
    'shop',
    'shop-1',
  ])

  const down = await cli('down')
  assert.deepEqual([down.code, down.stdout], [0, 'stopped\n'])
  assert.match((await cli('down')).stdout, /nothing runs/)
  assert.equal((await cli('up', '--wait')).code, 1)
})

test('a program that listens elsewhere than on $PORT is told where, in status and as a problem', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'backplane-elsewhere-'))
  t.after(() => rm(folder, { recursive: true }))
  const listensOn = (port: string) => `services:
  shop: { run: [node, -e, "require('http').createServer((q, r) => r.end()).listen(${port})"] }
listen: { default: off, gateway: 0, console: 0 }
`
  await writeFile(join(folder, 'backplane.yaml'), listensOn('0'))
  const starting = startBackplane({ config: listensOn('0'), folder, keepFolder: true })
  const problem = await until(async () => {
    const { stdout } = await runCli(['status', '--json'], folder)
    const { problems = [] } = JSON.parse(stdout || '{}') as Partial<Status>
    return problems.find((one) => one.code === 'ERR_PROCESSES_OTHER_PORT')
  }, 'the problem')
  assert.match(
    problem.text,
    /^shop-1 does not listen on \$PORT \(\d+\); it listens on (\d+): .* or write port: \1 under services\.shop$/,
  )
  await using system = await starting
  await writeFile(join(folder, 'backplane.yaml'), listensOn('process.env.PORT'))
  await until(async () => {
    const { services, problems } = await statusOf(system.folder)
    return services[0]?.state === 'healthy' && problems.length === 0
  }, 'a healthy shop')
})

test('a process that lives and fails its check for long is replaced where health.restart says so', async () => {
  const sick =
    "let n = 0; require('http').createServer((q, r) => { r.statusCode = ++n > 3 ? 500 : 200; r.end() }).listen(process.env.PORT)"
  await using system = await startBackplane({
    config: `services:
  shop:
    run: [node, -e, "${sick}"]
    health: { http: /, interval: 100ms, unhealthy: 1, startup: 0s, restart: 300ms }
listen: { default: off, gateway: 0, console: 0 }
`,
  })
  await until(async () => {
    const { services } = await statusOf(system.folder)
    return services[0]?.instances.some(({ id }) => id === 'shop-2' || id === 'shop-3')
  }, 'a new instance')
})

test('a service that is watched is restarted by a change of its files, and runs as its user', async (t) => {
  const isRoot = process.getuid?.() === 0
  const program = (word: string) =>
    `const { uid, homedir } = require('os').userInfo(); require('http').createServer((q, r) => r.end('${word} ' + uid + ' ' + process.getgid() + ' ' + process.env.HOME)).listen(process.env.PORT)`
  const folder = await mkdtemp(join(tmpdir(), 'backplane-user-'))
  await chmod(folder, 0o755)
  await using system = await startBackplane({
    folder,
    config: `services:
  shop: { run: node src/shop.cjs, watch: src${isRoot ? ', user: nobody' : ''}, stop: { drain: 0s } }
  alien: { run: node src/shop.cjs, user: no-such-user }
gateway: { routes: [{ path: /**, to: shop }] }
listen: { default: off, gateway: 0, console: 0 }
`,
    files: { 'src/shop.cjs': program('one') },
  })
  const get = async () => {
    const response = await fetch(`${system.gateway}/`)
    return `${response.status} ${await response.text()}`
  }
  const first = await until(async () => {
    const answer = await get()
    return answer.startsWith('200') ? answer : undefined
  }, 'the service')
  if (isRoot) assert.match(first, /^200 one 65534 65534 \/nonexistent$/)
  else t.diagnostic('not root: the user is not tested')
  await writeFile(join(system.folder, 'src/shop.cjs'), program('two'))
  await until(async () => (await get()).startsWith('200 two'), 'the changed program')
  const { problems } = await statusOf(system.folder)
  const { text = '' } = problems.find(({ code }) => code === 'ERR_PROCESSES_USER') ?? {}
  assert.match(text, /alien-1 cannot start: there is no user no-such-user on this machine/)
})
