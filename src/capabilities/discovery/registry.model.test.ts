import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { CheckStatus } from './check-spec.ts'
import type { ChangeBatch, Health, StatusOverride } from './model.ts'
import { createBareRegistry, FakeClock } from './testdata/ground.ts'

/** The obvious registry: a list, and everything computed from scratch. */
interface Plain {
  readonly service: string
  readonly id: string
  readonly node: string
  port: number
  ttlMs: number
  endsAtMs: number
  check: CheckStatus
  override: StatusOverride | undefined
  isDraining: boolean
}

const order: readonly CheckStatus[] = ['passing', 'warning', 'unknown', 'critical']

function plainHealth(one: Plain, nodeStatus: CheckStatus): Health {
  if (one.isDraining) return 'draining'
  if (one.override === 'up') return 'passing'
  if (one.override !== undefined) return 'critical'
  return order[Math.max(order.indexOf(one.check), order.indexOf(nodeStatus))] ?? 'critical'
}

const services = ['orders', 'users'] as const
const service = fc.constantFrom(...services)
const nodes = ['local', 'east'] as const
const node = fc.constantFrom(...nodes)
const id = fc.constantFrom('a', 'b', 'c')
const status = fc.constantFrom(...order)
const override = fc.constantFrom('up', 'out-of-service', 'maintenance', undefined)
const where = { service, id }
const step = fc.oneof(
  fc.record({
    do: fc.constant('put' as const),
    ...where,
    node,
    idOnNode: fc.constantFrom(undefined, 'a', 'x'),
    port: fc.integer({ min: 1, max: 2 }),
    ttlMs: fc.constantFrom(50, 200),
  }),
  fc.record({ do: fc.constant('remove' as const), ...where }),
  fc.record({ do: fc.constant('renew' as const), ...where }),
  fc.record({ do: fc.constant('drain' as const), ...where, isDraining: fc.boolean() }),
  fc.record({ do: fc.constant('override' as const), ...where, override }),
  fc.record({ do: fc.constant('report' as const), ...where, status }),
  fc.record({ do: fc.constant('node' as const), node, status }),
  fc.record({ do: fc.constant('wait' as const), ms: fc.nat(120) }),
  fc.record({ do: fc.constant('flush' as const) }),
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

class Model {
  readonly list: Plain[] = []
  readonly nodeStatus = new Map<string, CheckStatus>()
  /** Ids on a node that somebody asked for. */
  readonly asked = new Map<string, Plain>()
  timeMs = 0

  find(key: { readonly service: string; readonly id: string }): Plain | undefined {
    return this.list.find((one) => one.service === key.service && one.id === key.id)
  }

  run(one: Step): void {
    if (one.do === 'wait') this.timeMs += one.ms
    else if (one.do === 'node') this.nodeStatus.set(one.node, one.status)
    else if (one.do === 'put') this.put(one)
    else if (one.do !== 'flush') this.change(one)
    this.drop((plain) => plain.endsAtMs <= this.timeMs)
  }

  put(step: Step & { readonly do: 'put' }): void {
    const { service: name, id: key, node: on, idOnNode, port, ttlMs } = step
    const before = this.find({ service: name, id: key })
    const endsAtMs = this.timeMs + ttlMs
    const isSame = before?.port === port
    const asked = this.asked.get(`${on} ${idOnNode}`)
    this.drop((plain) => plain === before || (idOnNode !== undefined && plain === asked))
    const plain: Plain = {
      service: name,
      id: key,
      node: on,
      port,
      ttlMs,
      endsAtMs,
      check: isSame ? before.check : 'unknown',
      override: before?.override,
      isDraining: false,
    }
    this.list.push(plain)
    if (idOnNode !== undefined) this.asked.set(`${on} ${idOnNode}`, plain)
  }

  change(one: Exclude<Step, { readonly do: 'put' | 'node' | 'wait' | 'flush' }>): void {
    const plain = this.find(one)
    if (plain === undefined) return
    if (one.do === 'remove') this.drop((other) => other === plain)
    else if (one.do === 'renew') plain.endsAtMs = this.timeMs + plain.ttlMs
    else if (one.do === 'drain') plain.isDraining = one.isDraining
    else if (one.do === 'override') plain.override = one.override
    else plain.check = one.status
  }

  drop(isGone: (plain: Plain) => boolean): void {
    for (const [at, plain] of [...this.list.entries()].reverse()) {
      if (!isGone(plain)) continue
      this.list.splice(at, 1)
      for (const [key, one] of this.asked) if (one === plain) this.asked.delete(key)
    }
  }

  /** What can be seen of one service, in any order. */
  view(name: string): string[] {
    return this.list
      .filter((plain) => plain.service === name)
      .map((plain) => {
        const health = plainHealth(plain, this.nodeStatus.get(plain.node) ?? 'passing')
        return `${plain.id}@${plain.node}:${plain.port} ${health}`
      })
      .sort()
  }
}

function runOnRegistry(
  registry: ReturnType<typeof createBareRegistry>,
  clock: FakeClock,
  one: Step,
): void {
  if (one.do === 'wait') return clock.advance(one.ms)
  if (one.do === 'flush') return registry.journal.flush()
  if (one.do === 'node') return reportNode(registry, one.node, one.status)
  if (one.do === 'put') {
    registry.putInstance(
      {
        service: one.service,
        id: one.id,
        node: one.node,
        ...(one.idOnNode === undefined ? {} : { idOnNode: one.idOnNode }),
        host: '127.0.0.1',
        port: one.port,
      },
      {
        origin: 'registered',
        checks: [{ kind: 'reported', id: 'self' }],
        lease: { ttlMs: one.ttlMs, atEnd: 'remove' },
      },
    )
    return
  }
  const instance = registry.find(one.service, one.id)
  if (one.do === 'remove') registry.removeInstance(one.service, one.id)
  if (one.do === 'renew') registry.renew(one.service, one.id)
  if (instance === undefined) return
  if (one.do === 'drain') registry.setDraining(instance, one.isDraining)
  if (one.do === 'override') registry.setOverride(instance, one.override, '')
  const [check] = instance.checks
  if (one.do === 'report' && check !== undefined) {
    registry.checks.report(check, { status: one.status, output: '', durationMs: 0 })
  }
}

function reportNode(
  registry: ReturnType<typeof createBareRegistry>,
  name: string,
  status: CheckStatus,
): void {
  const node = registry.putNode({ name, address: '' }, true)
  if (node.checks.length === 0) {
    registry.replaceNodeChecks(node, [{ kind: 'reported', id: 'alive', initially: 'passing' }])
  }
  const [check] = node.checks
  if (check !== undefined) registry.checks.report(check, { status, output: '', durationMs: 0 })
}

function viewOf(registry: ReturnType<typeof createBareRegistry>, name: string): string[] {
  const instances = [...(registry.services.get(name)?.instances.values() ?? [])]
  return instances.map((one) => `${one.id}@${one.node}:${one.port} ${one.health}`).sort()
}

/** Each instance is known on its node by an id of its own, and nowhere else. */
function assertNodes(registry: ReturnType<typeof createBareRegistry>): void {
  const all = [...registry.services.values()].flatMap(({ instances }) => [...instances.values()])
  const onNodes = [...registry.nodes.values()].flatMap((one) => [...one.instances])
  assert.equal(onNodes.length, all.length)
  for (const [key, instance] of onNodes) {
    assert.equal(key, instance.idOnNode)
    assert.ok(all.includes(instance), `${key} is on its node and nowhere else`)
    for (const check of instance.checks) assert.equal(check.owner, instance)
  }
}

/** Keeps up by batches alone. */
function follow(mirror: Map<string, string>, batch: ChangeBatch): void {
  for (const { action, instance } of batch.changes) {
    const key = `${instance.service} ${instance.id}`
    assert.equal(mirror.has(key), action !== 'added', `${action} ${key}`)
    if (action === 'removed') mirror.delete(key)
    else mirror.set(key, `${instance.id}@${instance.node}:${instance.port} ${instance.health}`)
  }
}

test('the registry equals the obvious one after any operations', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
      const clock = new FakeClock()
      const registry = createBareRegistry(clock)
      const model = new Model()
      const mirror = new Map<string, string>()
      registry.journal.watchers.subscribe('all', (batch) => follow(mirror, batch))
      for (const one of steps) {
        const before = services.map((name) => [
          viewOf(registry, name),
          registry.journal.indexOf({ service: name }),
        ])
        model.run(one)
        runOnRegistry(registry, clock, one)
        for (const [at, name] of services.entries()) {
          const [seen, index] = before[at] as [string[], number]
          const now = viewOf(registry, name)
          assert.deepEqual(now, model.view(name))
          const indexNow = registry.journal.indexOf({ service: name })
          assert.ok(indexNow >= index, 'an index never falls')
          if (JSON.stringify(now) !== JSON.stringify(seen))
            assert.ok(indexNow > index, 'a change rises it')
          const isElsewhere =
            'service' in one && one.service !== name && JSON.stringify(now) === JSON.stringify(seen)
          if (isElsewhere && now.length > 0)
            assert.equal(indexNow, index, 'others wake nobody here')
          const routable = now.filter((text) => /passing|warning/.test(text)).length
          assert.equal(registry.services.get(name)?.routableCount ?? 0, routable)
        }
        assert.equal(registry.instanceCount, model.list.length)
        assertNodes(registry)
      }
      registry.journal.flush()
      assert.deepEqual(
        [...mirror.values()].sort(),
        services.flatMap((name) => viewOf(registry, name)).sort(),
      )
    }),
    { numRuns: 300 },
  )
})
