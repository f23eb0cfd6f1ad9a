import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import type { TestContext } from 'node:test'
import type { Scope } from '../../../platform/capability.ts'
import { noListeners } from '../../../platform/listeners/testing/none.ts'
import { systemClock } from '../../../platform/clock.ts'
import { startStorage, type Storage } from '../../../platform/storage/storage.ts'
import { settingsSchema } from '../../../settings.ts'
import type {
  ProcessSpec,
  ProcessState,
  ProcessStatus,
  ToSupervisor,
} from '../../../contracts/supervisor.ts'
import type { DiscoveryNeed, OutputNeed } from '../needs.ts'
import { openOverrideStore } from '../override-store.ts'
import { startProcesses } from '../processes.ts'
import type { ProcessesConfig } from '../run-set.ts'

/** The configuration of some services. */
export function configOf(
  services: object,
  inherited: Record<string, string> = {},
): ProcessesConfig {
  return { settings: settingsSchema.parse({ services }), folder: '/srv', inherited }
}

export function statusOf(spec: ProcessSpec, state: ProcessState): ProcessStatus {
  return {
    spec,
    state,
    restarts: 0,
    cpuSeconds: 0,
    residentBytes: 0,
    linesLast: 0,
    linesDropped: 0,
  }
}

export const running = (port: number): ProcessState => ({
  state: 'running',
  pid: port,
  port,
  startedAtMs: 1,
})
export const exited = (code: number): ProcessState => ({
  state: 'exited',
  exit: { code, signal: null },
  atMs: 1,
  lastLines: [],
})

/** A processes capability between a supervisor, a registry and a gateway that do what the test says. */
export async function startHouse(
  t: TestContext,
  first: ProcessesConfig,
  options: {
    found?: readonly ProcessStatus[]
    routed?: readonly string[]
    storage?: Storage
    output?: OutputNeed
    /** `<SERVICE>_URL` variables of every caller; may be changed. */
    urls?: Readonly<Record<string, string>>
  } = {},
) {
  const storage = options.storage ?? (await startStorage({ file: ':memory:' }))
  if (options.storage === undefined) t.after(() => storage.close())
  const supervisor = createSupervisor(options.found ?? [])
  const registry = createRegistry(supervisor.told)
  const drains = new Map<string, (isDrained: boolean) => void>()
  const stopping = new AbortController()
  const scope: Scope = {
    name: 'processes',
    clock: systemClock,
    random: () => 0,
    log: () => {},
    listeners: noListeners,
    stopping: stopping.signal,
    onStop: () => {},
  }
  const part = await startProcesses(
    first,
    {
      supervisor: supervisor.need,
      output: options.output ?? { follow: () => () => {} },
      variables: () => ({}),
      discovery: registry.need,
      gateway: {
        outboundUrls: (caller) => ({ [`CALLED_BY_${caller.toUpperCase()}`]: '1', ...options.urls }),
        drained(service, id) {
          supervisor.told.push(`await drained ${id}`)
          return new Promise((resolve) => drains.set(`${service} ${id}`, resolve))
        },
      },
      overrides: await openOverrideStore(storage),
      routed: new Set(options.routed ?? []),
    },
    scope,
  )
  const prepare = (next: ProcessesConfig) => {
    const prepared = part.prepare?.(next)
    if (prepared === undefined || prepared instanceof Promise) assert.fail('it is not async')
    return prepared
  }
  return {
    part,
    processes: {
      ...part.api,
      problems: () => part.problems?.() ?? [],
      begin: (_config: ProcessesConfig) => part.api.begin(),
      /** A reload that nobody else refuses. */
      configure: (next: ProcessesConfig) => void prepare(next).commit(),
    },
    storage,
    registry,
    supervisor,
    stopping,
    /** What was told to supervisor, registry and gateway since the last look, after everything has settled. */
    told: async (): Promise<string[]> => {
      await turn()
      await turn()
      return supervisor.told.splice(0)
    },
    drained: (service: string, id: string, isDrained = true) =>
      drains.get(`${service} ${id}`)?.(isDrained),
  }
}

function createSupervisor(found: readonly ProcessStatus[]) {
  const told: string[] = []
  const specs = new Map(found.map(({ spec }) => [spec.id, spec]))
  const listeners: ((changed: readonly ProcessStatus[]) => void)[] = []
  return {
    told,
    specs,
    need: {
      hello: Promise.resolve({ processes: found }),
      send(message: ToSupervisor) {
        if (message.type === 'start') specs.set(message.spec.id, message.spec)
        const id = message.type === 'start' ? message.spec.id : 'id' in message ? message.id : ''
        told.push(`${message.type} ${id}`)
      },
      onProcesses: (listener: (changed: readonly ProcessStatus[]) => void) =>
        void listeners.push(listener),
    },
    /** The supervisor says that the process is in this state now. */
    says(id: string, state: ProcessState) {
      const spec = specs.get(id)
      if (spec === undefined) throw new Error(`${id} was never started`)
      this.saysOf(spec, state)
    },
    /** The same of any specification, also of one that is gone. */
    saysOf(spec: ProcessSpec, state: ProcessState) {
      for (const listener of listeners) listener([statusOf(spec, state)])
    },
  }
}

/** Instances and whether they are in rotation, which the test decides. */
function createRegistry(told: string[]) {
  const instances = new Map<string, { service: string; port: number; isRoutable: boolean }>()
  const failing = new Set<string>()
  const listeners: ((services: ReadonlySet<string>) => void)[] = []
  const tell = (service: string) => {
    for (const listener of listeners) listener(new Set([service]))
  }
  const need: DiscoveryNeed = {
    put({ service, id, port, wasRoutable }) {
      told.push(`put ${id} ${port}${wasRoutable ? ' routable' : ''}`)
      instances.set(id, { service, port, isRoutable: wasRoutable })
      tell(service)
    },
    drain(service, id) {
      told.push(`drain ${id}`)
      const one = instances.get(id)
      if (one !== undefined) one.isRoutable = false
      tell(service)
    },
    remove(service, id) {
      if (instances.delete(id)) told.push(`remove ${id}`)
      tell(service)
    },
    isRoutable: (_service, id) => instances.get(id)?.isRoutable ?? false,
    isFailing: (_service, id) => failing.has(id),
    adopted: async () => {},
    routableCount: (service) =>
      [...instances.values()].filter((one) => one.service === service && one.isRoutable).length,
    onChange: (listener) => void listeners.push(listener),
  }
  return {
    need,
    /** Its check passes, or fails. */
    passes(id: string, isRoutable = true) {
      const one = instances.get(id)
      if (one === undefined) throw new Error(`${id} is not registered`)
      one.isRoutable = isRoutable
      if (isRoutable) failing.delete(id)
      else failing.add(id)
      tell(one.service)
    },
  }
}
