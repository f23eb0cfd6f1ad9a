import type { CheckSpec, CheckStatus } from '../discovery/check-spec.ts'
import type { Registration } from '../discovery/registration.ts'
import { statusOf } from './agent-checks.ts'
import { CONSUL_SOURCE } from './agent-register.ts'
import { parseService, type ServiceDefinition } from './agent-services.ts'
import { json, type Answer } from './answers.ts'
import type { Call } from './call.ts'
import type { World } from './catalog-world.ts'
import { ConsulError } from './errors.ts'
import type { JsonFields } from './json-fields.ts'
import { registeredAs } from './registered.ts'

/** A check of the catalog: whoever registered it says how it stands, nobody here asks. */
interface ToldCheck {
  /** Its service on the node; undefined: a check of the node. */
  readonly service: string | undefined
  readonly spec: CheckSpec & { readonly id: string }
  readonly status: CheckStatus
  readonly output: string
}

/** `PUT /v1/catalog/register`: a node, and on it a service or checks. */
export async function registerEntity(world: World, call: Call): Promise<Answer> {
  const fields = call.fields()
  const shown = fields.text('Node')
  const address = fields.text('Address')
  const skipsNode = fields.flag('SkipNodeUpdate')
  if (shown === '' || (address === '' && !skipsNode)) {
    throw new ConsulError(400, 'Must provide node and address')
  }
  const node = world.nodeOf(shown)
  call.demand('node', shown, 'write')
  const { discovery } = world
  const service = fields.object('Service')
  const checks = parseToldChecks(fields, service)
  if (service !== undefined) call.demand('service', parseService(service).name, 'write')
  if (!skipsNode || discovery.node(node) === undefined) {
    await discovery.registerNode({
      name: node,
      address,
      ...(fields.text('ID') === '' ? {} : { uuid: fields.text('ID') }),
      taggedAddresses: Object.fromEntries(fields.map('TaggedAddresses')),
      meta: Object.fromEntries(fields.map('NodeMeta')),
    })
  }
  if (service !== undefined) await registerOn(world, node, service, call.address)
  for (const check of checks) await tellCheck(world, node, check)
  await discovery.applied()
  return json(true)
}

/** `PUT /v1/catalog/deregister`: a check, a service or a whole node. True also where it was not there, as in Consul. */
export async function deregisterEntity(world: World, call: Call): Promise<Answer> {
  const fields = call.fields()
  const shown = fields.text('Node')
  if (shown === '') throw new ConsulError(400, 'Must provide node')
  const node = world.nodeOf(shown)
  const { discovery } = world
  const serviceId = fields.text('ServiceID')
  const checkId = fields.text('CheckID')
  const instance = serviceId === '' ? undefined : discovery.instanceOnNode(node, serviceId)
  if (instance === undefined) call.demand('node', shown, 'write')
  else call.demand('service', instance.service, 'write')
  if (instance !== undefined) {
    await discovery.deregister(instance.service, registeredAs(instance)?.id ?? instance.id)
  } else if (serviceId === '' && checkId !== '') await discovery.deregisterCheck(node, checkId)
  else if (serviceId === '' && node !== discovery.localNode) await discovery.deregisterNode(node)
  await discovery.applied()
  return json(true)
}

async function registerOn(
  world: World,
  node: string,
  fields: JsonFields,
  client: string,
): Promise<void> {
  const { discovery } = world
  const service = parseService(fields)
  const before = discovery.instanceOnNode(node, service.id)
  const checks = (before && registeredAs(before)?.checks) ?? []
  const ofNode = discovery.node(node)?.address ?? ''
  await discovery.register(registrationOn(world, { node, ofNode, service, checks, client }))
}

/** A service that a client says is on a node. */
export function registrationOn(
  world: World,
  {
    node,
    ofNode,
    service,
    checks,
    client,
  }: {
    readonly node: string
    /** The address of the node; '' where nobody said. */
    readonly ofNode: string
    readonly service: ServiceDefinition
    readonly checks: readonly CheckSpec[]
    readonly client: string
  },
): Registration {
  const { id, name, address, port, said } = service
  const isHere = node === world.discovery.localNode
  return {
    spec: {
      service: name,
      // Two nodes may use one id; in its service it must be unique.
      id: isHere ? id : `${node}/${id}`,
      node,
      idOnNode: id,
      host: address || ofNode || world.address(),
      port,
      ...(address === '' ? { isHostOfNode: true } : {}),
      ...said,
    },
    checks,
    source: CONSUL_SOURCE,
    client,
  }
}

function parseToldChecks(
  fields: JsonFields,
  service: JsonFields | undefined,
): readonly ToldCheck[] {
  const single = fields.object('Check')
  const all = [...(single === undefined ? [] : [single]), ...fields.objects('Checks')]
  const own = service === undefined ? '' : service.text('ID') || service.text('Service')
  return all.map((one) => {
    const serviceId = one.text('ServiceID') || (one.text('ServiceName') === '' ? '' : own)
    const id = one.text('CheckID') || one.text('Name') || (serviceId && `service:${serviceId}`)
    if (id === '') throw new ConsulError(400, 'Must provide check ID or name')
    const status = statusOf(one.text('Status'))
    return {
      service: serviceId || undefined,
      status,
      output: one.text('Output'),
      spec: {
        kind: 'reported',
        id,
        ...(one.text('Name') === '' ? {} : { name: one.text('Name') }),
        ...(one.text('Notes') === '' ? {} : { notes: one.text('Notes') }),
        initially: status,
      },
    }
  })
}

async function tellCheck(world: World, node: string, check: ToldCheck): Promise<void> {
  const { discovery } = world
  const { spec, service, status, output } = check
  if (service !== undefined && discovery.instanceOnNode(node, service) === undefined) {
    throw new ConsulError(500, `Missing service registration`)
  }
  const known = discovery.checkOnNode(node, spec.id)
  const isSame = known?.instance?.idOnNode === service && known?.check.kind === 'reported'
  if (known === undefined || !isSame) await discovery.registerCheck(node, service, spec)
  discovery.reportNodeCheck(node, spec.id, status, output)
}
