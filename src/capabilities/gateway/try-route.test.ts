import assert from 'node:assert/strict'
import { test } from 'node:test'
import Fastify from 'fastify'
import type { RouteRow, TriedRoute } from '../../contracts/try-route.ts'
import { formatTried } from '../../cli/try.ts'
import { defaultService, settingsSchema } from '../../settings.ts'
import type { GatewayConfig } from './api.ts'
import { registerTryRoute } from './route-lookups.ts'
import { tryRoute } from './try-route.ts'

const config: GatewayConfig = {
  settings: settingsSchema.parse({
    services: { orders: { run: 'x' }, next: { run: 'x' } },
    gateway: {
      policies: { ip: { deny: ['10.0.0.0/8'] } },
      groups: {
        partners: {
          auth: {
            key: { keys: [{ id: 'a', sha256: '0'.repeat(64) }] },
            forward: { 'x-user': 'sub' },
          },
        },
      },
      routes: [
        { tcp: 5432, to: 'orders' },
        { path: '/**', to: 'orders' },
        {
          path: '/orders/{id}',
          methods: ['GET'],
          groups: ['partners'],
          split: [
            { to: 'orders', weight: '75%' },
            { to: 'next', weight: '25%' },
          ],
          strip: '/orders',
          limit: [{ requests: 5, window: '1m', by: 'subject' }, { rate: '9/s' }],
        },
        { path: '/orders/{id}', host: 'old.example', to: 'next', headers: { 'x-version': '2' } },
        { path: '/down', ip: 'off', respond: { status: 503 } },
      ],
    },
  }),
  sourceOf: (path) => path.join('.'),
  folder: '.',
  defaults: defaultService(),
}

function ask(target: string, change: { method?: string; host?: string } = {}): TriedRoute {
  const request = { method: 'GET', host: 'shop.example', target, headers: new Map(), ...change }
  return tryRoute(config, request, (service) => ({
    instances: 2,
    routable: service === 'next' ? 1 : 2,
  }))
}

test('route, policies in the order in which they run and where each comes from, and services', () => {
  assert.equal(
    formatTried(ask('/orders/7?a=b')),
    `request   GET /orders/7?a=b of shop.example
route     GET /orders/{id} (gateway.routes.2)
          GET /orders/{id}
          it is the most specific of 4 routes that takes the request
policies  1. ip (gateway, gateway.policies.ip): everybody may call, but not 10.0.0.0/8
          2. limit (gateway.routes.2.limit.1): 9/s, burst 9, by address
          3. auth (group partners, gateway.groups.partners.auth): one of 1 keys in x-api-key; tells x-user
          4. limit (gateway.routes.2.limit.0): 5 within 60 s, by subject
service   75 % to orders (services.orders), 2 of 2 instances in rotation
          25 % to next (services.next), 1 of 2 instances in rotation
gets      GET /7?a=b
not       /** (gateway.routes.1): it takes the request too, and is less specific
          old.example /orders/{id} (gateway.routes.3): its host is old.example
`,
  )
})

test('no route, another method, two readings, and what answers by itself', () => {
  assert.equal(ask('/orders/7', { method: 'PUT' }).route?.id, '/**')
  assert.equal(ask('/a/../b').refusal?.code, 'ERR_GATEWAY_PATH_AMBIGUOUS')
  const down = ask('/down')
  assert.deepEqual(down.services, [])
  assert.deepEqual(
    down.policies.map(({ kind }) => kind),
    ['headers', 'respond'],
    'the header that says who calls is dropped here, too',
  )
  const old = ask('/orders/7', { host: 'old.example' })
  assert.equal(
    old.others.find(({ source }) => source === 'gateway.routes.3')?.why,
    'it demands x-version: 2',
  )
})

test('the admin route takes what a request has, and refuses what is none', async (t) => {
  const app = Fastify()
  t.after(() => app.close())
  registerTryRoute(
    app,
    () => config,
    () => ({ instances: 0, routable: 0 }),
  )
  const rows = (await app.inject('/api/v1/routes')).json() as RouteRow[]
  assert.deepEqual(
    rows.map(({ id, to }) => [id, to.length]),
    [
      ['/**', 1],
      ['GET /orders/{id}', 2],
      ['old.example /orders/{id}', 1],
      ['/down', 0],
    ],
  )
  const get = async (query: string) => app.inject(`/api/v1/try?${query}`)
  const one = await get('target=%2Forders%2F7&host=OLD.example.:8080&header=X-Version:%202')
  assert.equal((one.json() as TriedRoute).route?.source, 'gateway.routes.3')
  const two = await get('target=%2Forders%2F7&host=old.example&header=a:b&header=x-version:2')
  assert.equal((two.json() as TriedRoute).route?.source, 'gateway.routes.3')
  for (const wrong of ['', 'target=x', 'target=%2F&method=get%20', 'target=%2F&header=x'])
    assert.equal((await get(wrong)).statusCode, 400, wrong)
})
