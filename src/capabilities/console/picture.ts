import type { ListenerState } from '../gateway/gateway.ts'
import type { ServiceRun, Slot } from '../processes/service-run.ts'
import type { ServiceSettings } from '../../settings.ts'
import type { ConsoleNeeds, DiscoveredInstance } from './needs.ts'
import type {
  ListenerView,
  InstanceView,
  ProblemView,
  ServiceState,
  ServiceView,
  Tick,
} from '../../contracts/feed.ts'

/** Instances of one service that the picture shows. */
export const INSTANCES_SHOWN_MAX = 200

/** The views of all services; only those that were touched are made anew. */
export interface ServiceViews {
  /** Undefined: everything. */
  touch(services?: Iterable<string>): void
  /** Those of the file in its order, then those that are only registered. */
  list(): readonly ServiceView[]
}

export function createServiceViews(needs: ConsoleNeeds, nowMs: () => number): ServiceViews {
  const views = new Map<string, ServiceView>()

  function viewOf(name: string): ServiceView {
    const known = views.get(name)
    if (known !== undefined) return known
    const view = viewService(name, needs, nowMs())
    views.set(name, view)
    return view
  }

  return {
    touch(services) {
      if (services === undefined) views.clear()
      else for (const name of services) views.delete(name)
    },
    list() {
      const names = new Set([
        ...Object.keys(needs.configuration().settings.services),
        ...needs.processes.services().map((run) => run.name),
        ...needs.discovery.services(),
      ])
      for (const name of views.keys()) if (!names.has(name)) views.delete(name)
      return [...names].map(viewOf)
    },
  }
}

function viewService(name: string, needs: ConsoleNeeds, nowMs: number): ServiceView {
  const { settings, sourceOf } = needs.configuration()
  const service = settings.services[name]
  const run = needs.processes.service(name)
  const instances = viewInstances(name, run, needs).map((one) =>
    // The data plane says nothing when an ejection ends without traffic.
    one.ejectedUntilMs > nowMs ? one : { ...one, ejectedUntilMs: 0 },
  )
  const wanted = run?.wanted().target ?? instances.length
  const judged = judge(service, run, instances, wanted)
  return {
    name,
    kind: kindOf(service),
    ...judged,
    source: service === undefined ? 'registered' : sourceOf(['services', name]),
    command: [service?.run ?? []].flat().join(' '),
    after: service?.after ?? [],
    calls: callsOf(name, settings.services),
    algorithm: service?.balance.algorithm ?? 'peak-ewma',
    instances: shownOf(instances),
    instanceCount: instances.length,
    routableCount: instances.filter((one) => one.isRoutable).length,
    wanted,
    wantedByFile: run === undefined ? instances.length : needs.processes.targetByFile(name),
    scaleMax: run === undefined ? 0 : needs.processes.scaleMax(name),
    overrides: overridesOf(name, needs),
  }
}

function shownOf(instances: readonly InstanceView[]): readonly InstanceView[] {
  if (instances.length <= INSTANCES_SHOWN_MAX) return instances
  return instances
    .toSorted((a, b) => Number(a.isRoutable) - Number(b.isRoutable))
    .slice(0, INSTANCES_SHOWN_MAX)
}

function kindOf(service: ServiceSettings | undefined): ServiceView['kind'] {
  if (service?.run !== undefined) return service.task ? 'task' : 'run'
  return service?.at === undefined ? 'registered' : 'at'
}

function callsOf(name: string, services: Readonly<Record<string, ServiceSettings>>): string[] {
  const service = services[name]
  if (service?.run === undefined) return []
  return (
    service.calls ??
    Object.keys(services).filter((one) => one !== name && services[one]?.task !== true)
  )
}

function overridesOf(name: string, needs: ConsoleNeeds): ServiceView['overrides'] {
  const override = needs.processes.override(name)
  if (override === undefined) return []
  const file = String(needs.processes.targetByFile(name))
  return [
    ...(override.isStopped ? [{ setting: 'stopped' as const, value: 'true', file: 'false' }] : []),
    ...(override.instances === undefined
      ? []
      : [{ setting: 'instances' as const, value: String(override.instances), file }]),
  ]
}

function viewInstances(
  name: string,
  run: ServiceRun | undefined,
  needs: ConsoleNeeds,
): InstanceView[] {
  const discovered = new Map(needs.discovery.instances(name).map((one) => [one.id, one]))
  const slots = new Map((run?.slots() ?? []).map((slot) => [slot.spec.id, slot]))
  return [...new Set([...slots.keys(), ...discovered.keys()])]
    .toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }))
    .map((id) => viewInstance(name, id, slots.get(id), discovered.get(id), needs))
}

function viewInstance(
  service: string,
  id: string,
  slot: Slot | undefined,
  discovered: DiscoveredInstance | undefined,
  needs: ConsoleNeeds,
): InstanceView {
  const port = portOf(slot)
  return {
    id,
    address: discovered?.address ?? (port === 0 ? '' : `127.0.0.1:${port}`),
    source: discovered?.source ?? 'run',
    isRoutable: discovered?.isRoutable ?? false,
    health: slot?.isRetiring === true ? 'draining' : (discovered?.health ?? 'unknown'),
    checks: discovered?.checks ?? [],
    process: slot === undefined ? null : viewProcess(slot),
    ejectedUntilMs: needs.gateway.totals.instance(service, id)?.ejectedUntilMs ?? 0,
  }
}

function portOf(slot: Slot | undefined): number {
  const state = slot?.status?.state
  return state?.state === 'running' || state?.state === 'stopping' ? state.port : 0
}

function viewProcess(slot: Slot): NonNullable<InstanceView['process']> {
  const { status } = slot
  const state = status?.state
  return {
    state: state?.state ?? 'starting',
    pid: state !== undefined && 'pid' in state ? state.pid : 0,
    startedAtMs: state?.state === 'running' ? state.startedAtMs : 0,
    restarts: status?.restarts ?? 0,
    exit: exitOf(slot),
    lastLines: state !== undefined && 'lastLines' in state ? state.lastLines : [],
  }
}

function exitOf(slot: Slot): string {
  const state = slot.status?.state
  if (state?.state === 'failed') return state.message
  if (state === undefined || !('exit' in state)) return ''
  const { code, signal } = state.exit
  return signal === null ? `exit code ${code}` : `ended by ${signal}`
}

/** The state of a service and one sentence that says why, when it is not healthy. */
function judge(
  service: ServiceSettings | undefined,
  run: ServiceRun | undefined,
  instances: readonly InstanceView[],
  wanted: number,
): { readonly state: ServiceState; readonly reason: string } {
  const stopped = { state: 'stopped', reason: 'stopped by an operator or scaled to 0' } as const
  if (run !== undefined && service?.task === true) {
    return wanted === 0 ? stopped : judgeTask(run, instances)
  }
  const routable = instances.filter((one) => one.isRoutable).length
  const broken = instances.find((one) => isBroken(one))
  if (run !== undefined) {
    if (wanted === 0) return stopped
    if (!run.wanted().mayStart() && instances.length === 0) {
      return { state: 'waiting', reason: `waits for ${service?.after.join(', ')}` }
    }
  } else if (instances.length === 0) {
    return { state: 'empty', reason: 'nobody has registered an instance' }
  }
  if (broken !== undefined) {
    return { state: routable === 0 ? 'down' : 'degraded', reason: brokenReason(broken) }
  }
  if (routable >= wanted && routable > 0) return { state: 'healthy', reason: '' }
  const critical = instances.find((one) => one.health === 'critical' && one.checks.length > 0)
  const isStarting = instances.some((one) => one.health === 'unknown') || instances.length < wanted
  if (isStarting && critical === undefined) {
    return { state: 'starting', reason: startingReason(instances, routable, wanted) }
  }
  return {
    state: routable === 0 ? 'down' : 'degraded',
    reason:
      critical === undefined
        ? `${routable} of ${wanted} instances are routable`
        : `${critical.id}: ${critical.checks.find((check) => check.status !== 'passing')?.output ?? 'its check fails'}`,
  }
}

/** With what the check of one that runs already says: most often that nothing listens on $PORT. */
function startingReason(
  instances: readonly InstanceView[],
  routable: number,
  wanted: number,
): string {
  const count = `${routable} of ${wanted} instances are routable yet`
  const waiting = instances.find((one) => !one.isRoutable && one.checks.some(isFailing))
  const output = waiting?.checks.find(isFailing)?.output.split('\n', 1)[0]
  return waiting === undefined ? count : `${count}; check of ${waiting.id}: ${output}`
}

function isFailing({ status, output }: InstanceView['checks'][number]): boolean {
  return status !== 'passing' && output !== ''
}

function judgeTask(
  run: ServiceRun,
  instances: readonly InstanceView[],
): { readonly state: ServiceState; readonly reason: string } {
  if (run.isFinished()) return { state: 'finished', reason: '' }
  const broken = instances.find((one) => isBroken(one))
  if (broken !== undefined) return { state: 'down', reason: brokenReason(broken) }
  if (instances.length === 0) {
    return { state: 'waiting', reason: `waits for ${run.wanted().settings.after.join(', ')}` }
  }
  return { state: 'starting', reason: 'the task is running' }
}

function isBroken(instance: InstanceView): boolean {
  const state = instance.process?.state
  return state === 'crash-looping' || state === 'failed' || state === 'backing-off'
}

function brokenReason({ id, process }: InstanceView): string {
  // The supervisor's sentence begins with the instance.
  if (process?.state === 'failed') return process.exit
  const isLooping = process?.state === 'crash-looping'
  const what = isLooping ? 'crashes again and again' : 'has crashed and is started again'
  const line = tellingLine(process?.lastLines ?? [])
  return `${id} ${what}: ${process?.exit}${line === '' ? '' : ` · ${line}`}`
}

/** The line that names the error (Node and Python print more behind or before it), else the last one. */
function tellingLine(lines: readonly string[]): string {
  const filled = lines.map((line) => line.trim()).filter((line) => line !== '')
  return (
    filled.findLast((line) => /^(\S*(Error|Exception)|panic|fatal)\b/i.test(line)) ??
    filled.at(-1) ??
    ''
  )
}

/** What `listProblems` needs besides the state: the time, the newest numbers, and when each problem was first seen. */
export interface ProblemMemory {
  readonly nowMs: number
  readonly tick: Tick | undefined
  readonly since: Map<string, number>
}

/** Share of failed requests from which on a service is a problem, and the rate below which nobody is alarmed. */
const ERROR_RATIO_ALARM = 0.05
const ERROR_RATE_LEAST = 0.2

/** Edges that fail: who calls whom, and how often it goes wrong. */
function failingEdges(tick: Tick | undefined): Omit<ProblemView, 'sinceMs'>[] {
  return (tick?.edges ?? [])
    .filter((edge) => edge.service !== '' && edge.errorRatio >= ERROR_RATIO_ALARM)
    .filter((edge) => edge.errorRatio * edge.requestsPerSecond >= ERROR_RATE_LEAST)
    .map((edge) => {
      const caller = edge.caller === '' ? 'clients' : edge.caller
      const text = `Requests of ${caller} to ${edge.service} fail with 5xx or without an answer.`
      const one = problem('warning', edge.service, '', 'ERR_GATEWAY_ERRORS_HIGH', text)
      return { ...one, id: `${one.id}${edge.caller}` }
    })
}

/** What is wrong now, errors first. */
export function listProblems(
  services: readonly ServiceView[],
  listeners: readonly ListenerView[],
  needs: ConsoleNeeds,
  { nowMs, tick, since }: ProblemMemory,
): ProblemView[] {
  const { reloadError, file } = needs.configuration()
  const found: Omit<ProblemView, 'sinceMs'>[] = [
    ...(needs.isDataConnected()
      ? []
      : [
          problem(
            'error',
            '',
            '',
            'ERR_GATEWAY_DATA_AWAY',
            'The data plane does not answer; it is being started again.',
          ),
        ]),
    ...(reloadError === ''
      ? []
      : [
          problem(
            'error',
            '',
            '',
            'ERR_CONFIG_RELOAD',
            `${file} has a mistake; the former configuration stays in force: ${reloadError}`,
          ),
        ]),
    ...listeners
      .filter((listener) => listener.error !== '' && listener.error !== 'off')
      .map((listener) =>
        problem(
          'warning',
          '',
          '',
          'ERR_LISTENER_TAKEN',
          `The listener ${listener.id} on ${listener.address} is closed: ${listener.error}`,
        ),
      ),
    ...services.flatMap(problemsOf),
    ...failingEdges(tick),
  ]
  const ids = new Set(found.map((one) => one.id))
  for (const id of since.keys()) if (!ids.has(id)) since.delete(id)
  for (const { id } of found) if (!since.has(id)) since.set(id, nowMs)
  return found
    .map((one) => ({ ...one, sinceMs: since.get(one.id) ?? nowMs }))
    .toSorted((a, b) => Number(b.severity === 'error') - Number(a.severity === 'error'))
}

function problemsOf(service: ServiceView): Omit<ProblemView, 'sinceMs'>[] {
  const ejected = service.instances
    .filter((one) => one.ejectedUntilMs > 0)
    .map((one) =>
      problem(
        'warning',
        service.name,
        one.id,
        'ERR_GATEWAY_EJECTED',
        `${one.id} fails and is left out for a while.`,
      ),
    )
  if (service.state !== 'down' && service.state !== 'degraded') return ejected
  const broken = service.instances.find(isBroken)?.id ?? ''
  const severity = service.state === 'down' ? 'error' : 'warning'
  const code = broken === '' ? 'ERR_DISCOVERY_CHECK_FAILING' : 'ERR_PROCESSES_CRASHING'
  return [problem(severity, service.name, broken, code, service.reason), ...ejected]
}

function problem(
  severity: ProblemView['severity'],
  service: string,
  instance: string,
  code: string,
  text: string,
): Omit<ProblemView, 'sinceMs'> {
  return { id: `${code}/${service}/${instance}`, severity, service, instance, code, text }
}

/** Listeners of the data plane; the console's own is added by its owner. */
export function viewListeners(
  listeners: readonly ListenerState[],
  needs: ConsoleNeeds,
): ListenerView[] {
  const { sourceOf } = needs.configuration()
  return listeners.map(({ spec, status }) => {
    const address = `${spec.host.includes(':') ? `[${spec.host}]` : spec.host}:${status.port || spec.port}`
    return {
      id: spec.id,
      kind: spec.kind,
      address,
      url: spec.kind === 'tcp' ? `tcp://${address}` : `http://${address}`,
      error: status.error,
      caller: spec.kind === 'outbound' ? spec.caller : '',
      service: spec.kind === 'gateway' ? '' : spec.service,
      source: spec.kind === 'gateway' ? sourceOf(['listen', 'gateway']) : 'default',
    }
  })
}
