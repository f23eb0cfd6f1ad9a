import type { ServiceSettings } from '../../settings.ts'
import type { InstanceView, ServiceState, ServiceView } from '../../contracts/feed.ts'
import { formatHostPort } from '../../platform/config/addresses.ts'
import { ownEntry } from '../../platform/own-entry.ts'
import type { Instance } from '../discovery/model.ts'
import type { RunningView } from '../processes/api.ts'
import type { ServiceRun } from '../processes/service-run.ts'
import type { ConsoleNeeds } from './needs.ts'

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
        ...[...needs.discovery.services()].map((service) => service.name),
      ])
      for (const name of views.keys()) if (!names.has(name)) views.delete(name)
      return [...names].map(viewOf)
    },
  }
}

function viewService(name: string, needs: ConsoleNeeds, nowMs: number): ServiceView {
  const { settings, sourceOf } = needs.configuration()
  const service = ownEntry(settings.services, name)
  const run = needs.processes.service(name)
  const instances = viewInstances(name, needs).map((one) =>
    // The data plane says nothing when an ejection ends without traffic.
    one.ejectedUntilMs > nowMs ? one : { ...one, ejectedUntilMs: 0 },
  )
  const wanted = run?.wanted().target ?? instances.length
  return {
    name,
    kind: kindOf(service),
    ...judge(name, run, instances, needs),
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
  const service = ownEntry(services, name)
  if (service?.run === undefined) return []
  return (
    service.calls ??
    Object.entries(services).flatMap(([one, { task }]) => (task || one === name ? [] : [one]))
  )
}

function overridesOf(name: string, needs: ConsoleNeeds): ServiceView['overrides'] {
  const override = needs.processes.override(name)
  if (override === undefined) return []
  const file = String(needs.processes.targetByFile(name))
  return [
    ...(override.isStopped ? [{ setting: 'stopped' as const, value: 'true', file: 'false' }] : []),
    ...(override.instances === undefined || String(override.instances) === file
      ? []
      : [{ setting: 'instances' as const, value: String(override.instances), file }]),
  ]
}

function viewInstances(name: string, needs: ConsoleNeeds): InstanceView[] {
  const discovered = new Map([...needs.discovery.instances(name)].map((one) => [one.id, one]))
  const running = new Map(needs.processes.instances(name).map((one) => [one.id, one]))
  return [...new Set([...running.keys(), ...discovered.keys()])]
    .toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }))
    .map((id) => viewInstance(name, id, running.get(id), discovered.get(id), needs))
}

function viewInstance(
  service: string,
  id: string,
  running: RunningView | undefined,
  discovered: Instance | undefined,
  needs: ConsoleNeeds,
): InstanceView {
  return {
    id,
    address: discovered === undefined ? (running?.address ?? '') : formatHostPort(discovered),
    source: discovered?.source ?? 'run',
    isRoutable: discovered?.isRoutable ?? false,
    health: running?.isRetiring === true ? 'draining' : (discovered?.health ?? 'unknown'),
    checks: (discovered?.checks ?? []).map(({ id: check, status, output, atMs, durationMs }) => ({
      name: check,
      status,
      output,
      atMs,
      durationMs,
    })),
    process: running?.process ?? null,
    ejectedUntilMs: needs.gateway.totals.instance(service, id)?.ejectedUntilMs ?? 0,
  }
}

interface Judgement {
  readonly state: ServiceState
  readonly reason: string
}

/** The state of a service and one sentence that says why, when it is not healthy. What is wrong with it is said by who knows it. */
function judge(
  name: string,
  run: ServiceRun | undefined,
  instances: readonly InstanceView[],
  needs: ConsoleNeeds,
): Judgement {
  const crash = needs.processes.problemOf(name)?.text
  if (run !== undefined) {
    const wanted = run.wanted()
    const { target, settings } = wanted
    if (target === 0) return { state: 'stopped', reason: 'stopped by an operator or scaled to 0' }
    if (settings.task) return judgeTask(run, instances, crash)
    if (!wanted.mayStart() && instances.length === 0) {
      return { state: 'waiting', reason: `waits for ${settings.after.join(', ')}` }
    }
  } else if (instances.length === 0) {
    return { state: 'empty', reason: 'nobody has registered an instance' }
  }
  const wanted = run?.wanted().target ?? instances.length
  const routable = instances.filter((one) => one.isRoutable).length
  const fallen = routable === 0 ? 'down' : 'degraded'
  if (crash !== undefined) return { state: fallen, reason: crash }
  if (routable >= wanted && routable > 0) return { state: 'healthy', reason: '' }
  const critical = instances.some((one) => one.health === 'critical' && one.checks.length > 0)
  const isStarting = instances.some((one) => one.health === 'unknown') || instances.length < wanted
  if (isStarting && !critical) {
    return { state: 'starting', reason: startingReason(instances, routable, wanted) }
  }
  const failing = needs.discovery.problemOf(name)?.text
  return {
    state: fallen,
    reason: failing ?? `${routable} of ${wanted} instances are routable`,
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
  crash: string | undefined,
): Judgement {
  if (run.isFinished()) return { state: 'finished', reason: '' }
  if (crash !== undefined) return { state: 'down', reason: crash }
  if (instances.length === 0) {
    return { state: 'waiting', reason: `waits for ${run.wanted().settings.after.join(', ')}` }
  }
  return { state: 'starting', reason: 'the task is running' }
}
