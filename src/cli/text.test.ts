import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { InstanceView, ServiceView } from '../contracts/feed.ts'
import type { RequestRecord } from '../contracts/snapshot.ts'
import { formatColumns, formatStatus } from './status-text.ts'
import { formatWhy } from './why-text.ts'

const instance = (id: string, more: Partial<InstanceView> = {}): InstanceView => ({
  id,
  address: '127.0.0.1:41000',
  source: 'run',
  isRoutable: true,
  health: 'passing',
  checks: [],
  process: { state: 'running', pid: 7, startedAtMs: 1, restarts: 0, exit: '', lastLines: [] },
  ejectedUntilMs: 0,
  ...more,
})
const service = (name: string, more: Partial<ServiceView> = {}): ServiceView => ({
  name,
  kind: 'run',
  state: 'healthy',
  reason: '',
  source: 'backplane.yaml:2',
  command: 'node x',
  after: [],
  calls: [],
  algorithm: 'peak-ewma',
  instances: [],
  instanceCount: 0,
  routableCount: 0,
  wanted: 0,
  wantedByFile: 0,
  scaleMax: 1,
  overrides: [],
  ...more,
})

test('columns are as wide as their widest cell', () => {
  assert.deepEqual(
    formatColumns([
      ['a', 'bb', 'c'],
      ['aaa', 'b'],
      ['', '', 'x'],
    ]),
    ['a    bb  c', 'aaa  b', '         x'],
  )
})

const listener = {
  kind: 'gateway',
  address: '127.0.0.1:8080',
  url: 'http://127.0.0.1:8080',
  caller: '',
  service: '',
  source: 'default',
} as const

test('status: services, instances, listeners, and what is wrong', () => {
  const text = formatStatus({
    name: 'shop',
    listeners: [
      { ...listener, id: 'gateway', error: '' },
      { ...listener, id: 'console', kind: 'console', error: 'off' },
      { ...listener, id: 'tcp-1', kind: 'tcp', error: 'EADDRINUSE' },
      { ...listener, id: 'outbound/a/b', kind: 'outbound', error: 'EADDRINUSE' },
      { ...listener, id: 'outbound/b/a', kind: 'outbound', error: '' },
    ],
    services: [
      service('orders', {
        state: 'degraded',
        reason: 'orders-2 crashes again and again',
        routableCount: 650,
        wanted: 700,
        instances: [
          instance('orders-1'),
          instance('orders-2', {
            isRoutable: false,
            process: {
              state: 'crash-looping',
              pid: 0,
              startedAtMs: 0,
              restarts: 3,
              exit: 'exit code 1',
              lastLines: [],
            },
          }),
          instance('orders-3', { health: 'draining' }),
          instance('orders-4', { isRoutable: false, health: 'critical', process: null }),
        ],
      }),
      service('migrate', { kind: 'task', state: 'finished' }),
    ],
    problems: [
      {
        id: 'x',
        severity: 'error',
        service: '',
        instance: '',
        code: 'ERR_X',
        text: 'It is wrong.',
        sinceMs: 1,
      },
    ],
  })
  assert.deepEqual(text.split('\n'), [
    'shop',
    '',
    'orders      degraded       650 of 700       orders-2 crashes again and again',
    '  orders-1  routable       127.0.0.1:41000  pid 7',
    '  orders-2  crash-looping  127.0.0.1:41000  restarted 3 times, exit code 1',
    '  orders-3  draining       127.0.0.1:41000  pid 7',
    '  orders-4  critical       127.0.0.1:41000',
    'migrate     finished       task',
    '',
    'gateway   http://127.0.0.1:8080',
    'console   off',
    'tcp-1     closed: EADDRINUSE',
    'outbound  1 of 2 listeners between services are open',
    '',
    'wrong:',
    '  error ERR_X: It is wrong.',
    '',
  ])
})

test('status of an empty system', () => {
  const text = formatStatus({ name: 'empty', listeners: [], services: [], problems: [] })
  assert.match(text, /no services yet/)
})

const record: RequestRecord = {
  requestId: 'abc',
  traceId: '',
  spanId: '',
  parentSpanId: '',
  isSampled: false,
  startedAtMs: 0,
  worker: 1,
  listener: 'gateway',
  caller: '',
  client: '10.0.0.1',
  tls: '',
  protocol: 'http/1.1',
  method: 'GET',
  host: 'shop.example',
  target: '/orders/7',
  route: 'GET /orders/{id}',
  routeSource: 'backplane.yaml:12',
  service: 'orders',
  serviceSource: 'backplane.yaml:3',
  algorithm: 'peak-ewma',
  status: 200,
  reason: '',
  detail: '',
  version: 4,
  queueMs: 0,
  durationMs: 12.345,
  requestBytes: 1,
  responseBytes: 2,
  hasDefect: false,
  policies: [],
  attempts: [
    {
      instance: 'orders-1',
      address: '127.0.0.1:1',
      candidates: 2,
      excluded: 0,
      choice: 'first',
      startedMs: 0.1,
      connectedMs: -1,
      answeredMs: -1,
      outcome: 'connect-refused',
      status: 0,
    },
    {
      instance: 'orders-2',
      address: '127.0.0.1:2',
      candidates: 2,
      excluded: 1,
      choice: 'ewma',
      startedMs: 1,
      connectedMs: 1.5,
      answeredMs: 12,
      outcome: 'answered',
      status: 200,
    },
  ],
}

test('why: the line that decided, every attempt, and who answered', () => {
  const text = formatWhy(record)
  for (const line of [
    'what     GET shop.example/orders/7 over http/1.1',
    'from     client 10.0.0.1 at listener gateway, worker 1',
    'route    GET /orders/{id} (backplane.yaml:12)',
    'answer   200, made by orders',
    'took     12 ms, 1 bytes in, 2 bytes out',
    'attempt 1 at 0.10 ms: orders-1 (127.0.0.1:1)',
    '  connect  never',
    '  answer   none, connect-refused',
    'attempt 2 at 1.00 ms: orders-2 (127.0.0.1:2)',
    '  chosen   ewma (2 candidates, 1 left out)',
    '  answer   200 at 12 ms, answered',
  ]) {
    assert.ok(text.split('\n').includes(line), `${line}\nin\n${text}`)
  }
  const told = formatWhy({
    ...record,
    route: '',
    traceId: 'ab12',
    spanId: 'cd34',
    parentSpanId: 'ef56',
    queueMs: 3,
    attempts: [{ ...record.attempts[1]!, startedMs: 0, connectedMs: 0 }],
    policies: [
      { policy: 'cors', decision: 'readable', value: 0 },
      { policy: 'limit', decision: '2 of 3 left', value: 0 },
    ],
  }).split('\n')
  for (const line of [
    'from     a service that shares its listener at listener gateway, worker 1',
    'queue    3.00 ms for a connection',
    'trace    ab12, span cd34 below ef56, not sampled',
    'policy cors   readable',
    'policy limit  2 of 3 left',
    '  connect  was open',
  ]) {
    assert.ok(told.includes(line), `${line}\nin\n${told.join('\n')}`)
  }
  const refused = formatWhy({
    ...record,
    route: '',
    service: '',
    status: 404,
    reason: 'no-route',
    detail: 'Nothing matched.',
    attempts: [],
    caller: 'web',
  })
  assert.match(refused, /from +web at listener/)
  assert.match(refused, /route +none/)
  assert.match(refused, /answer +404, made by the gateway: no-route/)
  assert.match(refused, /\n\nNothing matched\.\n/)
})
