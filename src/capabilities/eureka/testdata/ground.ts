import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { gunzipSync } from 'node:zlib'
import type { Part, Scope } from '../../../platform/capability.ts'
import type { LeanAnswer, LeanOptions } from '../../../platform/http/lean/options.ts'
import { noListeners } from '../../../platform/listeners/testing/none.ts'
import { startStorage, type Storage } from '../../../platform/storage/storage.ts'
import { settingsSchema } from '../../../settings.ts'
import { FakeClock, startOn, type Started } from '../../discovery/testdata/ground.ts'
import { startEureka, type Eureka, type EurekaConfig } from '../eureka.ts'

/** What a client gets. */
export interface Reply {
  readonly status: number
  readonly body: string
  field(name: string): string
  json(): unknown
}

export interface Sent {
  readonly body?: string | object
  readonly accept?: string
  readonly address?: string
  readonly fields?: Readonly<Record<string, string>>
}

/** Eureka over a registry, without sockets and with a clock that is moved. */
export interface Ground {
  readonly clock: FakeClock
  readonly storage: Storage
  readonly discovery: Started['discovery']
  readonly part: Part<EurekaConfig, Eureka>
  send(method: string, path: string, sent?: Sent): Promise<Reply>
  stop(): Promise<void>
}

/** Starts it. `storage` of an earlier one: a restart. */
export async function openGround(
  t: TestContext,
  eureka: object = {},
  given: {
    readonly storage?: Storage
    readonly clock?: FakeClock
    readonly perClient?: number
  } = {},
): Promise<Ground> {
  const { perClient = 1_000 } = given
  const clock = given.clock ?? new FakeClock(1_700_000_000_000)
  const storage = given.storage ?? (await startStorage({ file: ':memory:' }))
  const started = await startOn(clock, storage, { perClient })
  const releases: (() => void | Promise<void>)[] = []
  let listener: LeanOptions | undefined
  const scope: Scope = {
    name: 'eureka',
    clock,
    random: () => 0.5,
    log: (level, message, fields) =>
      assert.notEqual(level, 'error', `${message} ${String(fields?.['error'])}`),
    listeners: {
      ...noListeners,
      lean: async (_name, options) => {
        listener = options
        return undefined
      },
    },
    stopping: new AbortController().signal,
    onStop: (release) => void releases.push(release),
  }
  const settings = settingsSchema.parse({ eureka }).eureka
  const part = await startEureka(settings, { discovery: started.discovery }, scope)
  let isStopped = false
  async function stop(): Promise<void> {
    if (isStopped) return
    isStopped = true
    for (const release of releases.reverse()) await release()
    await started.stop()
  }
  t.after(async () => {
    await stop()
    if (given.storage === undefined) await storage.close()
  })
  return {
    clock,
    storage,
    discovery: started.discovery,
    part,
    stop,
    send: (method, path, sent = {}) => {
      assert.ok(listener)
      return send(listener, method, path, sent)
    },
  }
}

function send(listener: LeanOptions, method: string, target: string, sent: Sent): Promise<Reply> {
  const [path = '', query = ''] = target.split('?', 2)
  const { body = '', accept = 'application/json', address = '127.0.0.1', fields = {} } = sent
  const all = new Map(Object.entries({ accept, ...fields }))
  return new Promise((resolve) => {
    listener.handle({
      request: {
        method,
        path,
        query,
        address,
        body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
        field(name) {
          assert.ok(listener.keptFields.includes(name), `${name} is not kept`)
          return all.get(name) ?? ''
        },
      },
      whenGone: undefined,
      isOver: false,
      answer: (answer) => resolve(replyOf(answer)),
    })
  })
}

function replyOf({ status, body, contentType, fields = [] }: LeanAnswer): Reply {
  const all = new Map<string, string>([...fields, ['content-type', contentType]])
  const bytes = Buffer.from(body)
  const text = (all.get('content-encoding') === 'gzip' ? gunzipSync(bytes) : bytes).toString()
  return {
    status,
    body: text,
    field: (name) => all.get(name) ?? '',
    json: () => JSON.parse(text) as unknown,
  }
}

/** A registration as Spring's client sends it. */
export function instanceOf(id: string, more: object = {}): { readonly instance: object } {
  return {
    instance: {
      instanceId: id,
      app: 'ORDERS',
      hostName: '10.0.0.1',
      ipAddr: '10.0.0.1',
      status: 'UP',
      overriddenStatus: 'UNKNOWN',
      port: { $: 8080, '@enabled': 'true' },
      securePort: { $: 443, '@enabled': 'false' },
      countryId: 1,
      dataCenterInfo: {
        '@class': 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo',
        name: 'MyOwn',
      },
      leaseInfo: { renewalIntervalInSecs: 30, durationInSecs: 90 },
      metadata: { 'management.port': '8081' },
      homePageUrl: 'http://10.0.0.1:8080/',
      vipAddress: 'orders',
      secureVipAddress: 'orders',
      isCoordinatingDiscoveryServer: 'false',
      lastUpdatedTimestamp: '1700000000000',
      lastDirtyTimestamp: '1700000000000',
      ...more,
    },
  }
}

/** What GET of applications answers. */
export interface AppsBody {
  readonly applications: {
    readonly versions__delta: string
    readonly apps__hashcode: string
    readonly application: readonly {
      readonly name: string
      readonly instance: readonly Readonly<Record<string, unknown>>[]
    }[]
  }
}

/** Where the application of these tests is. */
export const ORDERS = '/eureka/apps/ORDERS'

/** Registers one as Spring's client does. */
export async function register(ground: Ground, id: string, more: object = {}): Promise<Reply> {
  const reply = await ground.send('POST', ORDERS, { body: instanceOf(id, more) })
  assert.equal(reply.status, 204, reply.body)
  assert.equal(reply.body, '')
  return reply
}

/** All applications, or what changed. */
export async function appsOf(
  ground: Ground,
  path = '/eureka/apps/',
): Promise<AppsBody['applications']> {
  const reply = await ground.send('GET', path)
  assert.equal(reply.status, 200, reply.body)
  return (reply.json() as AppsBody).applications
}

/** `APP id status` of everybody. */
export async function listOf(ground: Ground, path?: string): Promise<readonly string[]> {
  const { application } = await appsOf(ground, path)
  return application.flatMap(({ name, instance }) =>
    instance.map((one) => `${name} ${String(one['instanceId'])} ${String(one['status'])}`),
  )
}
