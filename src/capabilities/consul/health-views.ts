import { formatGoDuration } from '../../mechanisms/go-duration/go-duration.ts'
import type { Check, Instance, Node } from '../discovery/model.ts'
import type { World } from './catalog-world.ts'

/** `HealthCheck` of the Consul API. */
export interface HealthCheck {
  readonly Node: string
  readonly CheckID: string
  readonly Name: string
  readonly Status: ConsulStatus
  readonly Notes: string
  readonly Output: string
  readonly ServiceID: string
  readonly ServiceName: string
  readonly ServiceTags: readonly string[]
  readonly Type: string
  readonly Interval: string
  readonly Timeout: string
  readonly ExposedPort: 0
  readonly Definition: object
  readonly CreateIndex: number
  readonly ModifyIndex: number
}

/** Consul knows three; what has not been asked yet is critical there. */
export type ConsulStatus = 'passing' | 'warning' | 'critical'

/** Checks of the node itself, those that stand for its being there and for its maintenance included. */
export function checksOfNode(world: World, node: Node): readonly HealthCheck[] {
  const of = { world, node, instance: undefined }
  const checks = node.checks.map((check) => viewOf(of, check, check.id))
  if (node.maintenance !== undefined) {
    checks.push(
      stateOf(of, '_node_maintenance', 'Node Maintenance Mode', node.maintenance || DEFAULT_REASON),
    )
  }
  if (node.name !== world.discovery.localNode) return checks
  const alive = { ...stateOf(of, 'serfHealth', 'Serf Health Status', ''), ...ALIVE }
  return [alive, ...checks]
}

const DEFAULT_REASON = 'Maintenance mode is enabled for this node, but no reason was provided.'
const DEFAULT_SERVICE_REASON =
  'Maintenance mode is enabled for this service, but no reason was provided.'
const ALIVE = { Status: 'passing', Output: 'Agent alive and reachable', Type: '' } as const

/** Checks of an instance. What else keeps it out of rotation stands as a check, since clients judge by nothing else. */
export function checksOfInstance(world: World, instance: Instance): readonly HealthCheck[] {
  const node = world.discovery.node(instance.node)
  if (node === undefined) return []
  const of = { world, node, instance }
  const { checks, override, overrideReason, idOnNode } = instance
  const views = checks.map((check, at) => viewOf(of, check, idOf(instance, check, at)))
  if (override === 'up') return views.map((view) => ({ ...view, Status: 'passing' }))
  if (override === 'maintenance') {
    const reason = overrideReason || DEFAULT_SERVICE_REASON
    views.push(stateOf(of, `_service_maintenance:${idOnNode}`, 'Service Maintenance Mode', reason))
  }
  if (override === 'out-of-service') {
    views.push(stateOf(of, `_out_of_service:${idOnNode}`, 'Out of Service', overrideReason))
  }
  if (instance.isDraining) {
    views.push(stateOf(of, `_draining:${idOnNode}`, 'Draining', 'On its way out.'))
  }
  return views
}

/** One check by its id on the node, with whatever it is of. */
export function viewCheck(world: World, nodeName: string, id: string): HealthCheck | undefined {
  const found = world.discovery.checkOnNode(nodeName, id)
  const node = world.discovery.node(nodeName)
  if (found === undefined || node === undefined) return undefined
  return viewOf({ world, node, instance: found.instance }, found.check, id)
}

/** The worst of the checks, as Consul adds them up. */
export function aggregatedStatus(checks: readonly HealthCheck[]): ConsulStatus | 'maintenance' {
  let worst: ConsulStatus = 'passing'
  for (const { CheckID, Status } of checks) {
    if (CheckID === '_node_maintenance' || CheckID.startsWith('_service_maintenance:')) {
      return 'maintenance'
    }
    if (Status === 'critical' || (Status === 'warning' && worst === 'passing')) worst = Status
  }
  return worst
}

/** A check that a client registered has its own id; others get the one that Consul would give. */
function idOf({ idOnNode, checks }: Instance, check: Check, at: number): string {
  if (check.spec.isUniqueOnNode === true) return check.id
  return checks.length === 1 ? `service:${idOnNode}` : `service:${idOnNode}:${at + 1}`
}

interface Owner {
  readonly world: World
  readonly node: Node
  readonly instance: Instance | undefined
}

function viewOf({ world, node, instance }: Owner, check: Check, id: string): HealthCheck {
  const { spec, status } = check
  const times = 'intervalMs' in spec ? spec : undefined
  return {
    Node: world.shownNode(node.name),
    CheckID: id,
    Name: spec.name ?? (instance === undefined ? id : `Service '${instance.service}' check`),
    Status: status === 'unknown' ? 'critical' : status,
    Notes: spec.notes ?? '',
    Output: check.output,
    ServiceID: instance?.idOnNode ?? '',
    ServiceName: instance?.service ?? '',
    ServiceTags: instance?.tags ?? [],
    Type: typeOf(check),
    Interval: times === undefined ? '' : formatGoDuration(times.intervalMs * 1e6),
    Timeout: times === undefined ? '' : formatGoDuration(times.timeoutMs * 1e6),
    ExposedPort: 0,
    Definition: {},
    CreateIndex: check.createIndex,
    ModifyIndex: check.modifyIndex,
  }
}

function typeOf({ kind }: Check): string {
  if (kind === 'exec') return 'script'
  return kind === 'reported' ? '' : kind
}

/** A state that is no check of ours. */
function stateOf(
  { world, node, instance }: Owner,
  id: string,
  name: string,
  why: string,
): HealthCheck {
  const index = instance?.modifyIndex ?? node.modifyIndex
  return {
    Node: world.shownNode(node.name),
    CheckID: id,
    Name: name,
    Status: 'critical',
    Notes: why,
    Output: '',
    ServiceID: instance?.idOnNode ?? '',
    ServiceName: instance?.service ?? '',
    ServiceTags: instance?.tags ?? [],
    Type: 'maintenance',
    Interval: '',
    Timeout: '',
    ExposedPort: 0,
    Definition: {},
    CreateIndex: index,
    ModifyIndex: index,
  }
}
