import type { Instance } from '../discovery/model.ts'
import { json, watched } from './answers.ts'
import type { Call } from './call.ts'
import { FILTER_SHAPES, filterOf, nodeMetaFilterOf, tagFilterOf } from './catalog-filters.ts'
import { deregisterEntity, registerEntity } from './catalog-register.ts'
import { viewCatalogService, viewNode, viewService } from './catalog-views.ts'
import type { World } from './catalog-world.ts'
import { demanded, seen } from './health.ts'
import type { Route, Run } from './router.ts'

/** What is registered, whoever registered it. */
export function catalogRoutes(world: World): readonly Route[] {
  const get = (path: string, run: Run): Route => ({ methods: ['GET'], path, run })
  const put = (path: string, run: Run): Route => ({ methods: ['PUT'], path, run })
  return [
    get('/v1/catalog/datacenters', () => json([world.datacenter])),
    get('/v1/catalog/nodes', (call) => listNodes(world, call)),
    get('/v1/catalog/node/', (call) => servicesOfNode(world, call, 'map')),
    get('/v1/catalog/node-services/', (call) => servicesOfNode(world, call, 'list')),
    get('/v1/catalog/services', (call) => listServices(world, call)),
    get('/v1/catalog/service/', (call) => listInstances(world, call)),
    // Nobody here is a proxy of the mesh.
    get('/v1/catalog/connect/', () => watched(world.topic('catalog'), () => json([]))),
    put('/v1/catalog/register', (call) => registerEntity(world, call)),
    put('/v1/catalog/deregister', (call) => deregisterEntity(world, call)),
  ]
}

function listNodes(world: World, call: Call): ReturnType<Run> {
  const keeps = filterOf(call, FILTER_SHAPES.node)
  const hasMeta = nodeMetaFilterOf(call)
  return watched(world.topic('nodes'), () => {
    const nodes = [...world.nodes()].filter(hasMeta).map((node) => viewNode(world, node))
    return json(nodes.filter((one) => call.may('node', one.Node, 'read') && keeps(one)))
  })
}

function servicesOfNode(world: World, call: Call, form: 'map' | 'list'): ReturnType<Run> {
  const name = world.nodeOf(demanded(call, 'Missing node name'))
  const keeps = filterOf(call, FILTER_SHAPES.service)
  return watched(world.topic({ node: name }), () => {
    const node = world.discovery.node(name)
    const isSeen = node !== undefined && call.may('node', world.shownNode(name), 'read')
    if (!isSeen) return json(form === 'map' ? null : { Node: null, Services: [] })
    const services = [...world.discovery.instancesOfNode(name)]
      .filter(({ service }) => call.may('service', service, 'read'))
      .map((instance) => viewService(world, instance))
      .filter(keeps)
    const Services =
      form === 'list' ? services : Object.fromEntries(services.map((one) => [one.ID, one]))
    return json({ Node: viewNode(world, node), Services })
  })
}

/** Names with the tags of all their instances. */
function listServices(world: World, call: Call): ReturnType<Run> {
  const keeps = filterOf(call, FILTER_SHAPES.services)
  const hasMeta = nodeMetaFilterOf(call)
  const isPlain = call.param('filter') === '' && !call.has('node-meta')
  const isKept = (instance: Instance): boolean => {
    if (isPlain) return true
    const node = world.discovery.node(instance.node)
    if (node === undefined || !hasMeta(node)) return false
    const { service: ServiceName, tags: ServiceTags, meta: ServiceMeta } = instance
    return keeps({ ServiceName, ServiceTags, ServiceMeta })
  }
  return watched(world.topic('catalog'), () => {
    const found: [string, readonly string[]][] = []
    for (const { name, instanceCount } of world.discovery.services()) {
      if (instanceCount === 0 || !call.may('service', name, 'read')) continue
      const tags = new Set<string>()
      let count = 0
      for (const instance of world.discovery.instances(name)) {
        if (!isKept(instance)) continue
        count++
        for (const tag of instance.tags) tags.add(tag)
      }
      if (count > 0) found.push([name, [...tags]])
    }
    return json(Object.fromEntries(found))
  })
}

function listInstances(world: World, call: Call): ReturnType<Run> {
  const name = world.serviceOf(demanded(call, 'Missing service name'))
  const keeps = filterOf(call, FILTER_SHAPES.catalogService)
  const hasTags = tagFilterOf(call)
  const hasMeta = nodeMetaFilterOf(call)
  return watched(world.topic({ service: name }), () => {
    const all: object[] = []
    for (const instance of seen(world, call, name)) {
      const node = world.discovery.node(instance.node)
      if (node === undefined || !hasTags(instance) || !hasMeta(node)) continue
      all.push(viewCatalogService(world, node, instance))
    }
    return json(all.filter(keeps))
  })
}
