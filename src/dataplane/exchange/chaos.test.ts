import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import {
  assertTrueRequests,
  type ChaosInstance,
  runChaosClient,
  startChaosInstance,
} from '../testing/chaos.ts'
import { type Chance, createChance, seedOfRun } from '../testing/chance.ts'
import type { LocalWorker } from '../testing/local-worker.ts'
import { startGateway } from '../testing/setup.ts'
import { gatewaySpec, instanceSpec, routeSpec, serviceSpec, testLimits } from '../testing/specs.ts'
import type { ServiceSpec, SnapshotOp } from '../../contracts/snapshot.ts'
import { startHedge } from './hedging.ts'
import type { Exchange } from './exchange.ts'

// Everything at every moment: clients that come, wait, stop and leave, instances that fail, a file that is loaded again, hedges, and at last a drain. It
// judges what instances and clients got, and that nothing is left.

const CLIENTS = 150
const AT_ONCE = 12
const limits = {
  ...testLimits,
  bodyTimeoutMs: 400,
  headTimeoutMs: 500,
  tunnelIdleTimeoutMs: 300,
  idleTimeoutMs: 1_000,
}
const listeners = [
  { kind: 'gateway', id: 'gateway', host: '127.0.0.1', port: 0, proxyProtocol: false },
  {
    kind: 'tcp',
    id: 'db',
    host: '127.0.0.1',
    port: 0,
    route: 'db',
    service: 'db',
    proxyProtocol: false,
  },
] as const

function serviceOf(name: string, chance: Chance): SnapshotOp {
  const change: Partial<ServiceSpec> = {
    name,
    timeoutMs: 700,
    connectTimeoutMs: 300,
    attemptTimeoutMs: 60 + chance.int(200),
    connectionsPerInstanceMax: chance.oneOf([1, 2, 5]),
    pendingMax: chance.oneOf([1, 4, 100]),
    retry: { attempts: chance.int(4), budgetRatio: 1, reservePerSecond: 100 },
    ejection: { failures: 3, baseMs: 50, maxMs: 100, shareMax: 0.5 },
    balance: {
      algorithm: chance.oneOf([
        'peak-ewma',
        'round-robin',
        'least-requests',
        'sticky-cookie',
      ] as const),
      slowStartMs: 0,
      cookie: 'x',
    },
  }
  return { op: 'service', service: serviceSpec(change) }
}

function instanceOp(service: string, { port }: ChaosInstance): SnapshotOp {
  return { op: 'instance', instance: instanceSpec(port, { service, id: `${service}-${port}` }) }
}

interface Ground {
  readonly http: readonly ChaosInstance[]
  readonly raw: readonly ChaosInstance[]
  readonly dead: ChaosInstance
}

/** Everything there is, as a first snapshot or a reset. */
function wholeSnapshot({ http, raw, dead }: Ground, chance: Chance): SnapshotOp[] {
  return [
    serviceOf('echo', chance),
    serviceOf('db', chance),
    ...[...http, dead].map((each) => instanceOp('echo', each)),
    ...raw.map((each) => instanceOp('db', each)),
    { op: 'gateway', gateway: gatewaySpec({ listeners, limits }) },
  ]
}

/** One thing that control may do. */
function changeOf(ground: Ground, chance: Chance): SnapshotOp[] {
  const one = chance.oneOf(ground.http)
  const tcp = chance.oneOf(ground.raw)
  switch (chance.int(14)) {
    case 0:
      return [{ op: 'instance-gone', service: 'echo', id: `echo-${one.port}` }]
    case 1:
      return [{ op: 'instance-gone', service: 'db', id: `db-${tcp.port}` }]
    case 2:
      return [{ op: 'service-gone', service: chance.oneOf(['echo', 'db']) }]
    case 3:
      return [serviceOf('echo', chance), serviceOf('db', chance)]
    case 4: {
      const routes = [routeSpec({ id: `r${chance.int(5)}` })]
      const trustedProxies = chance.is(0.5) ? ['127.0.0.1'] : []
      return [
        { op: 'gateway', gateway: gatewaySpec({ listeners, limits, routes, trustedProxies }) },
      ]
    }
    default:
      return wholeSnapshot(ground, chance)
  }
}

/** Changes what there is, and hedges, until it is told to stop. */
async function operate(
  gateway: LocalWorker,
  ground: Ground,
  chance: Chance,
  isOver: () => boolean,
): Promise<void> {
  const { context } = gateway.worker
  while (!isOver()) {
    await chance.wait()
    if (chance.is(0.1)) {
      const ops = changeOf(ground, chance)
      await gateway.update(ops, ops.length > 3 && chance.is(0.5))
    }
    if (chance.is(0.5) && context.exchanges.length > 0) {
      startHedge(context, chance.oneOf<Exchange>(context.exchanges), context.clock.monotonicMs())
      context.turns.run()
    }
  }
}

test('everything at every moment: true requests, own answers, an end for each, and nothing left', async (t) => {
  const chance = createChance(seedOfRun())
  t.diagnostic(`seed ${chance.seed}`)
  const start = async (isRaw: boolean): Promise<ChaosInstance> => {
    const instance = await startChaosInstance(chance.fork(), isRaw)
    t.after(() => instance.close())
    return instance
  }
  const ground = {
    http: [await start(false), await start(false), await start(false)],
    raw: [await start(true), await start(true)],
    dead: await start(false),
  }
  ground.dead.close()
  const gateway = await startGateway(t, [], { gateway: { listeners, limits } })
  await gateway.update(wholeSnapshot(ground, chance), true)
  let isOver = false
  const operator = operate(gateway, ground, chance.fork(), () => isOver)
  const clients = Array.from({ length: CLIENTS }, () => chance.fork())
  let lastId = 0
  const work = async (): Promise<void> => {
    for (let next = clients.shift(); next !== undefined; next = clients.shift()) {
      await runChaosClient(gateway, next, () => ++lastId)
    }
  }
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, work))
  } finally {
    isOver = true
    await operator
  }
  await drain(gateway)
  const counts = new Map<string, number>()
  for (const { method, status, reason } of gateway.recent(4_000)) {
    const what = `${method} ${status} ${reason}`
    counts.set(what, (counts.get(what) ?? 0) + 1)
  }
  t.diagnostic([...counts].map(([what, count]) => `${count} x ${what}`).join('; '))
  assertTrueRequests([...ground.http], ground.raw)
  assert.equal(
    gateway.worker.context.defectCount,
    0,
    JSON.stringify(gateway.said.filter(({ type }) => type === 'defect')),
  )
})

/** All that is under way ends within its deadlines, and the worker says so. */
async function drain(gateway: LocalWorker): Promise<void> {
  gateway.worker.receive({ type: 'drain' })
  const untilMs = performance.now() + 8_000
  while (!gateway.said.some(({ type }) => type === 'idle')) {
    assert.ok(performance.now() < untilMs, 'not drained after 8 s')
    await once(AbortSignal.timeout(20), 'abort')
  }
  assert.equal(gateway.worker.context.exchanges.length, 0)
}
