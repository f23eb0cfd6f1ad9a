import { hashed, json, text, type Answer } from './answers.ts'
import {
  demandService,
  deregisterCheck,
  deregisterService,
  registerCheck,
  registerService,
  reportCheck,
  updateCheck,
} from './agent-register.ts'
import { viewMember, viewSelf } from './agent-self.ts'
import type { Call } from './call.ts'
import { FILTER_SHAPES, filterOf } from './catalog-filters.ts'
import { viewService } from './catalog-views.ts'
import type { World } from './catalog-world.ts'
import { whenApplied } from './applied.ts'
import { ConsulError } from './errors.ts'
import { aggregatedStatus, checksOfInstance, checksOfNode } from './health-views.ts'
import { demanded } from './health.ts'
import type { Route, Run } from './router.ts'

/** What the agent of this machine does: services and checks of its node. */
export function agentRoutes(world: World): readonly Route[] {
  const get = (path: string, run: Run): Route => ({ methods: ['GET'], path, run })
  const put = (path: string, run: Run): Route => ({ methods: ['PUT'], path, run })
  // Old clients (python-consul) report by GET.
  const told = (path: string, run: Run): Route => ({ methods: ['GET', 'PUT'], path, run })
  return [
    get('/v1/agent/self', (call) => self(world, call)),
    get('/v1/agent/members', (call) => members(world, call)),
    get('/v1/agent/services', (call) => listServices(world, call)),
    get('/v1/agent/service/', (call) => oneService(world, call)),
    get('/v1/agent/checks', (call) => listChecks(world, call)),
    get('/v1/agent/health/service/id/', (call) => healthById(world, call)),
    get('/v1/agent/health/service/name/', (call) => healthByName(world, call)),
    put('/v1/agent/service/register', (call) => registerService(world, call)),
    told('/v1/agent/service/deregister/', (call) => deregisterService(world, call)),
    put('/v1/agent/service/maintenance/', (call) => serviceMaintenance(world, call)),
    put('/v1/agent/maintenance', (call) => nodeMaintenance(world, call)),
    put('/v1/agent/check/register', (call) => registerCheck(world, call)),
    told('/v1/agent/check/deregister/', (call) => deregisterCheck(world, call)),
    told('/v1/agent/check/pass/', (call) => reportCheck(world, call, 'passing')),
    told('/v1/agent/check/warn/', (call) => reportCheck(world, call, 'warning')),
    told('/v1/agent/check/fail/', (call) => reportCheck(world, call, 'critical')),
    put('/v1/agent/check/update/', (call) => updateCheck(world, call)),
  ]
}

function self(world: World, call: Call): Answer {
  call.demand('agent', world.node, 'read')
  return json(viewSelf(world))
}

function members(world: World, call: Call): Answer {
  return json(call.may('node', world.node, 'read') ? [viewMember(world)] : [])
}

function listServices(world: World, call: Call): ReturnType<Run> {
  const { discovery } = world
  const keeps = filterOf(call, FILTER_SHAPES.service)
  return hashed(world.topic({ node: discovery.localNode }), () => {
    const services = [...discovery.instancesOfNode(discovery.localNode)]
      .filter(({ service }) => call.may('service', service, 'read'))
      .map((instance) => viewService(world, instance))
      .filter(keeps)
    return json(Object.fromEntries(services.map((one) => [one.ID, withoutIndexes(one)])))
  })
}

function oneService(world: World, call: Call): ReturnType<Run> {
  const id = demanded(call, 'Missing service ID')
  const { discovery } = world
  return hashed(world.topic({ node: discovery.localNode }), () => {
    const instance = discovery.instanceOnNode(discovery.localNode, id)
    if (instance === undefined) throw new ConsulError(404, `unknown service ID: ${id}`)
    call.demand('service', instance.service, 'read')
    return json({ Kind: '', ...withoutIndexes(viewService(world, instance)) })
  })
}

/** The agent knows no indexes, and an answer by hash must not differ for them. */
function withoutIndexes(view: object): object {
  return { ...view, CreateIndex: 0, ModifyIndex: 0 }
}

function listChecks(world: World, call: Call): ReturnType<Run> {
  const { discovery } = world
  const keeps = filterOf(call, FILTER_SHAPES.check)
  return hashed(world.topic({ node: discovery.localNode }), () => {
    const node = discovery.node(discovery.localNode)
    const ofNode = node === undefined ? [] : checksOfNode(world, node)
    const ofInstances = [...discovery.instancesOfNode(discovery.localNode)]
      .filter(({ service }) => call.may('service', service, 'read'))
      .flatMap((instance) => checksOfInstance(world, instance))
    // The node being there is the servers' check, not the agent's.
    const all = [...ofNode.filter((one) => one.CheckID !== 'serfHealth'), ...ofInstances]
    return json(
      Object.fromEntries(all.filter(keeps).map((one) => [one.CheckID, withoutIndexes(one)])),
    )
  })
}

const STATUS_CODES = { passing: 200, warning: 429, critical: 503, maintenance: 503 } as const

function infoOf(world: World, instance: Parameters<typeof checksOfInstance>[1]) {
  const { discovery } = world
  const node = discovery.node(instance.node)
  const Checks = [
    ...(node === undefined ? [] : checksOfNode(world, node)).filter(
      (one) => one.CheckID !== 'serfHealth',
    ),
    ...checksOfInstance(world, instance),
  ]
  const Service = viewService(world, instance)
  return { AggregatedStatus: aggregatedStatus(Checks), Service, Checks }
}

function healthById(world: World, call: Call): Answer {
  const id = demanded(call, 'Missing service id')
  const { discovery } = world
  const instance = discovery.instanceOnNode(discovery.localNode, id)
  if (instance === undefined) throw new ConsulError(404, `ServiceId ${id} not found`)
  call.demand('service', instance.service, 'read')
  const info = infoOf(world, instance)
  const status = STATUS_CODES[info.AggregatedStatus]
  if (call.param('format') === 'text') return text(info.AggregatedStatus, status)
  return json(info, status)
}

const order = ['passing', 'warning', 'critical', 'maintenance'] as const

function healthByName(world: World, call: Call): Answer {
  const name = world.serviceOf(demanded(call, 'Missing service Name'))
  call.demand('service', name, 'read')
  const { discovery } = world
  const infos = [...discovery.instances(name)]
    .filter(({ node }) => node === discovery.localNode)
    .map((instance) => infoOf(world, instance))
  const isText = call.param('format') === 'text'
  if (infos.length === 0) {
    return isText ? text('critical', 404) : json([], 404)
  }
  const worst =
    order[Math.max(...infos.map((one) => order.indexOf(one.AggregatedStatus)))] ?? 'critical'
  return isText ? text(worst, STATUS_CODES[worst]) : json(infos, STATUS_CODES[worst])
}

async function serviceMaintenance(world: World, call: Call): Promise<Answer> {
  const { discovery } = world
  const isOn = enableOf(call)
  const { service, id, override } = demandService(world, call, call.rest, 'write')
  const isMaintained = override === 'maintenance'
  if (isOn) await discovery.setOverride(service, id, 'maintenance', call.param('reason'))
  // An override of another kind is not ours to end.
  else if (isMaintained) await discovery.setOverride(service, id, undefined)
  return whenApplied(world, text(''))
}

async function nodeMaintenance(world: World, call: Call): Promise<Answer> {
  const { discovery } = world
  const isOn = enableOf(call)
  call.demand('node', world.node, 'write')
  await discovery.setNodeMaintenance(discovery.localNode, isOn ? call.param('reason') : undefined)
  return whenApplied(world, text(''))
}

function enableOf(call: Call): boolean {
  const value = call.param('enable')
  if (value === '') throw new ConsulError(400, 'Missing value for enable')
  if (/^(?:1|t|T|TRUE|true|True)$/.test(value)) return true
  if (/^(?:0|f|F|FALSE|false|False)$/.test(value)) return false
  throw new ConsulError(400, `Invalid value for enable: ${JSON.stringify(value)}`)
}
