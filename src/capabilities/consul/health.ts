import type { Instance } from '../discovery/model.ts'
import { json, watched } from './answers.ts'
import type { Call } from './call.ts'
import { FILTER_SHAPES, filterOf, nodeMetaFilterOf, tagFilterOf } from './catalog-filters.ts'
import { viewNode, viewService } from './catalog-views.ts'
import type { World } from './catalog-world.ts'
import { ConsulError } from './errors.ts'
import { checksOfInstance, checksOfNode, type HealthCheck } from './health-views.ts'
import type { Route, Run } from './router.ts'

/** Health of nodes, services and checks. */
export function healthRoutes(world: World): readonly Route[] {
  const get = (path: string, run: Run): Route => ({ methods: ['GET'], path, run })
  return [
    get('/v1/health/node/', (call) => healthOfNode(world, call)),
    get('/v1/health/checks/', (call) => checksOfService(world, call)),
    get('/v1/health/service/', (call) => instancesOfService(world, call)),
    get('/v1/health/state/', (call) => checksInState(world, call)),
    // Nobody here is a proxy of the mesh.
    get('/v1/health/connect/', (call) => watched(world.topic('catalog'), () => json(noneOf(call)))),
  ]
}

function noneOf(call: Call): readonly never[] {
  call.demand('service', call.rest, 'read')
  return []
}

function healthOfNode(world: World, call: Call): ReturnType<Run> {
  const name = world.nodeOf(demanded(call, 'Missing node name'))
  const keeps = filterOf(call, FILTER_SHAPES.check)
  return watched(world.topic({ node: name }), () => {
    const node = world.discovery.node(name)
    if (node === undefined || !call.may('node', world.shownNode(name), 'read')) return json([])
    const all = [...checksOfNode(world, node)]
    for (const instance of world.discovery.instancesOfNode(name)) {
      if (call.may('service', instance.service, 'read')) {
        all.push(...checksOfInstance(world, instance))
      }
    }
    return json(all.filter(keeps))
  })
}

function checksOfService(world: World, call: Call): ReturnType<Run> {
  const name = world.serviceOf(demanded(call, 'Missing service name'))
  const keeps = filterOf(call, FILTER_SHAPES.check)
  const hasMeta = nodeMetaFilterOf(call)
  return watched(world.topic({ service: name }), () => {
    const all: HealthCheck[] = []
    for (const instance of seen(world, call, name)) {
      const node = world.discovery.node(instance.node)
      if (node !== undefined && hasMeta(node)) all.push(...checksOfInstance(world, instance))
    }
    return json(all.filter(keeps))
  })
}

function instancesOfService(world: World, call: Call): ReturnType<Run> {
  const name = world.serviceOf(demanded(call, 'Missing service name'))
  const keeps = filterOf(call, FILTER_SHAPES.health)
  const hasTags = tagFilterOf(call)
  const hasMeta = nodeMetaFilterOf(call)
  const onlyPassing = passingOf(call)
  return watched(world.topic({ service: name }), () => {
    const all: object[] = []
    for (const instance of seen(world, call, name)) {
      const node = world.discovery.node(instance.node)
      if (node === undefined || !hasTags(instance) || !hasMeta(node)) continue
      const Checks = [...checksOfNode(world, node), ...checksOfInstance(world, instance)]
      if (onlyPassing && Checks.some(({ Status }) => Status !== 'passing')) continue
      all.push({ Node: viewNode(world, node), Service: viewService(world, instance), Checks })
    }
    return json(all.filter(keeps))
  })
}

function checksInState(world: World, call: Call): ReturnType<Run> {
  const state = demanded(call, 'Missing check state')
  if (!['any', 'passing', 'warning', 'critical'].includes(state)) {
    throw new ConsulError(400, `Invalid check state: ${state}`)
  }
  const keeps = filterOf(call, FILTER_SHAPES.check)
  const hasMeta = nodeMetaFilterOf(call)
  return watched(world.topic('all'), () => {
    const all: HealthCheck[] = []
    for (const node of world.nodes()) {
      if (!hasMeta(node) || !call.may('node', world.shownNode(node.name), 'read')) continue
      all.push(...checksOfNode(world, node))
      for (const instance of world.discovery.instancesOfNode(node.name)) {
        if (call.may('service', instance.service, 'read')) {
          all.push(...checksOfInstance(world, instance))
        }
      }
    }
    return json(all.filter((one) => (state === 'any' || one.Status === state) && keeps(one)))
  })
}

/** Instances that the token may see. */
export function seen(world: World, call: Call, service: string): Iterable<Instance> {
  if (!call.may('service', service, 'read')) return []
  const all = [...world.discovery.instances(service)]
  return all.filter(({ node }) => call.may('node', world.shownNode(node), 'read'))
}

/** What follows the path. Throws `ConsulError` 400 where nothing does. */
export function demanded(call: Call, message: string): string {
  if (call.rest === '') throw new ConsulError(400, message)
  return call.rest
}

function passingOf(call: Call): boolean {
  try {
    return call.flag('passing')
  } catch {
    throw new ConsulError(400, 'Invalid value for ?passing')
  }
}
