import assert from 'node:assert/strict'
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'

/**
 * The example's services alone, without Backplane: whatever starts them with PORT and the addresses of the others gets
 * a working shop. What they do under Backplane is the subject of the other tests here.
 */
const shop = new URL('../../examples/shop/', import.meta.url)
const ports = new Map<string, number>()
const children: ChildProcess[] = []
const python = spawnSync('python3', ['--version']).status === 0 ? 'python3' : undefined

before(async () => {
  const names = ['catalog', 'users', 'payments', 'recommendations', 'orders', 'web']
  for (const name of names) ports.set(name, await freePort())
  await Promise.all(names.map((name) => start(name)))
})

after(async () => {
  await Promise.all(children.map((child) => stop(child)))
})

test('catalog searches', async () => {
  const { products } = await getJson('catalog', '/products?q=north')
  assert.deepEqual(
    products?.map((product) => product.id),
    ['compass'],
  )
  assert.equal((await fetch(urlOf('catalog', '/products/nothing'))).status, 404)
})

test('an order is priced by the catalog, charged by payments and kept', async () => {
  const order = { product: 'kite', user: 'ada', quantity: 2 }
  const response = await send('POST', 'orders', '/orders', order)
  assert.equal(response.status, 201)
  const answer = (await response.json()) as { id: string; cents: number }
  assert.equal(answer.cents, 4200)
  const { orders } = await getJson('orders', '/orders')
  assert.equal(orders?.[0]?.id, answer.id)
  assert.equal((await send('POST', 'orders', '/orders', { ...order, quantity: 0 })).status, 400)
  assert.equal((await send('POST', 'orders', '/orders', { ...order, user: 'nobody' })).status, 422)
})

test('the knob makes payments fail, and orders say so', async () => {
  assert.equal((await send('PUT', 'payments', '/', { failPercent: 100, delayMs: 0 })).status, 200)
  const order = { product: 'kite', user: 'ada' }
  assert.equal((await send('POST', 'orders', '/orders', order)).status, 503)
  assert.equal((await send('PUT', 'payments', '/', { failPercent: 101 })).status, 400)
  await send('PUT', 'payments', '/', { failPercent: 0 })
  assert.equal((await send('POST', 'orders', '/orders', order)).status, 201)
})

test('users log in', async () => {
  const login = await send('POST', 'users', '/users/login', { user: 'grace', password: 'demo' })
  const { token } = (await login.json()) as { token: string }
  const [, claims = ''] = token.split('.')
  const { sub } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as { sub: string }
  assert.equal(sub, 'grace')
  // The gateway reads the token, and says who it is.
  const me = await fetch(urlOf('users', '/users/me'), { headers: { 'x-user': sub } })
  assert.deepEqual(await me.json(), { id: 'grace', name: 'Grace' })
  assert.equal((await fetch(urlOf('users', '/users/me'))).status, 401)
  const wrong = await send('POST', 'users', '/users/login', { user: 'grace', password: 'x' })
  assert.equal(wrong.status, 401)
})

test('the front page shows products, and what others bought when Python is here', async () => {
  const html = await (await fetch(urlOf('web', '/'))).text()
  assert.match(html, /data-product="lantern"/)
  assert.equal(html.includes('Others bought: Lantern, Kite, Compass'), python !== undefined)
})

test('customers walk every journey, and their knob sets the rate', async (t) => {
  const wanted = ['GET /', 'POST /api/orders', 'POST /api/users/login', 'GET /api/users/me']
  const missing = new Set(wanted)
  const sawAll = Promise.withResolvers<void>()
  const gateway = createHttpServer((request, response) => {
    missing.delete(`${request.method} ${request.url}`)
    if (missing.size === 0) sawAll.resolve()
    response.end('{}')
  })
  gateway.listen(0, '127.0.0.1')
  t.after(() => gateway.close())
  await once(gateway, 'listening')
  const address = gateway.address()
  assert.ok(typeof address === 'object' && address !== null)
  ports.set('load', await freePort())
  const url = `http://127.0.0.1:${address.port}`
  const child = await startProgram('load', process.execPath, ['load.mjs'], {
    BACKPLANE_GATEWAY_URL: url,
    RATE: '0',
  })
  t.after(() => stop(child))
  assert.deepEqual(await getJson('load', '/'), { rate: 0 })
  await send('PUT', 'load', '/', { rate: 400 })
  await sawAll.promise
  assert.equal((await send('PUT', 'load', '/', { rate: -1 })).status, 400)
})

async function start(name: string): Promise<void> {
  const isPython = name === 'recommendations'
  if (isPython && python === undefined) return
  const file = `services/${name}.${isPython ? 'py' : 'mjs'}`
  children.push(await startProgram(name, isPython ? 'python3' : process.execPath, [file]))
}

/** Starts a program in the shop's folder, and returns when it listens. */
async function startProgram(
  name: string,
  command: string,
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
) {
  const urls = [...ports].map(([other, port]) => [
    `${other.toUpperCase()}_URL`,
    `http://127.0.0.1:${port}`,
  ])
  const child = spawn(command, argv, {
    cwd: shop,
    env: {
      ...process.env,
      ...Object.fromEntries(urls),
      ...env,
      PORT: String(ports.get(name)),
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout })
  for await (const line of lines) {
    if (JSON.parse(line).message === 'listening') break
  }
  child.stdout.resume()
  return child
}

/** Each ends by itself on SIGTERM, at once and with success. */
async function stop(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  const [code] = await ended
  assert.equal(code, 0)
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

function urlOf(service: string, path: string): string {
  return `http://127.0.0.1:${ports.get(service)}${path}`
}

interface Item {
  readonly id: string
}

async function getJson(service: string, path: string): Promise<Record<string, readonly Item[]>> {
  return (await fetch(urlOf(service, path))).json() as Promise<Record<string, readonly Item[]>>
}

function send(method: string, service: string, path: string, body: unknown): Promise<Response> {
  return fetch(urlOf(service, path), { method, body: JSON.stringify(body) })
}
