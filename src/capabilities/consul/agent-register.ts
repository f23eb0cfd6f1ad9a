import { networkInterfaces } from 'node:os'
import type { Check, Instance } from '../discovery/model.ts'
import type { Registration } from '../discovery/registration.ts'
import { text, type Answer } from './answers.ts'
import { parseCheck } from './agent-checks.ts'
import { parseChecks, parseService } from './agent-services.ts'
import type { Call } from './call.ts'
import type { World } from './catalog-world.ts'
import { ConsulError } from './errors.ts'
import { registeredAs } from './registered.ts'

/** Which protocol a registration came by. */
export const CONSUL_SOURCE = 'consul'

/** `PUT /v1/agent/service/register`. Answers when the gateway may choose it, if it passes already. */
export async function registerService(world: World, call: Call): Promise<Answer> {
  const fields = call.fields()
  const { id, name, address, port, said } = parseService(fields)
  call.demand('service', name, 'write')
  const checks = parseChecks(fields, id, world.rules)
  const { discovery } = world
  const there = discovery.instanceOnNode(discovery.localNode, id)
  const before = there && registeredAs(there)
  const isKept = before?.source === CONSUL_SOURCE && !call.has('replace-existing-checks')
  const kept = isKept ? before.checks : []
  const known = new Set(checks.map((check) => check.id))
  const host = address || world.hostFor(call.address)
  const registration: Registration = {
    spec: {
      service: name,
      id,
      idOnNode: id,
      host,
      port,
      ...(address === '' && host === world.address() ? { isHostOfNode: true } : {}),
      ...said,
    },
    // Checks that were registered before and are not named now stay, as in Consul.
    checks: [...checks, ...kept.filter((check) => !known.has(check.id))],
    source: CONSUL_SOURCE,
    client: call.address,
    alsoAt: { hosts: placesOf(address, call.address), ports: [] },
  }
  await discovery.register(registration)
  await discovery.applied()
  return text('')
}

/** Names of the machine that a service is on: a registration without an address is of whoever calls, and this machine has several. */
function placesOf(address: string, caller: string): readonly string[] {
  if (address === '') return [caller]
  const own = Object.values(networkInterfaces()).flatMap((all) => all ?? [])
  return own.some((one) => one.address === address) ? ['127.0.0.1'] : []
}

/** `PUT /v1/agent/service/deregister/ID`. */
export async function deregisterService(world: World, call: Call): Promise<Answer> {
  const instance = demandService(world, call, call.rest, 'write')
  await world.discovery.deregister(instance.service, registeredAs(instance)?.id ?? instance.id)
  await world.discovery.applied()
  return text('')
}

/** `PUT /v1/agent/check/register`. */
export async function registerCheck(world: World, call: Call): Promise<Answer> {
  const fields = call.fields()
  const name = fields.text('Name')
  if (name === '') throw new ConsulError(400, 'Missing check name')
  const check = parseCheck(fields, world.rules, name)
  const serviceId = fields.text('ServiceID') || fields.text('service_id')
  const { discovery } = world
  if (serviceId === '') call.demand('node', world.node, 'write')
  else {
    const instance = discovery.instanceOnNode(discovery.localNode, serviceId)
    if (instance === undefined) {
      throw new ConsulError(500, `ServiceID ${JSON.stringify(serviceId)} does not exist`)
    }
    call.demand('service', instance.service, 'write')
  }
  await discovery.registerCheck(discovery.localNode, serviceId || undefined, check)
  await discovery.applied()
  return text('')
}

/** `PUT /v1/agent/check/deregister/ID`. */
export async function deregisterCheck(world: World, call: Call): Promise<Answer> {
  demandCheck(world, call, call.rest)
  await world.discovery.deregisterCheck(world.discovery.localNode, call.rest)
  await world.discovery.applied()
  return text('')
}

/** `PUT` (or `GET`) `/v1/agent/check/{pass,warn,fail}/ID?note=`. */
export function reportCheck(
  world: World,
  call: Call,
  status: 'passing' | 'warning' | 'critical',
): Answer | Promise<Answer> {
  return report(world, call, status, call.param('note'))
}

/** `PUT /v1/agent/check/update/ID` with status and output in the body. */
export function updateCheck(world: World, call: Call): Answer | Promise<Answer> {
  const fields = call.fields()
  const status = fields.text('Status')
  if (status !== 'passing' && status !== 'warning' && status !== 'critical') {
    throw new ConsulError(400, `Invalid check status: '${status}'`)
  }
  return report(world, call, status, fields.text('Output'))
}

function report(
  world: World,
  call: Call,
  status: 'passing' | 'warning' | 'critical',
  output: string,
): Answer | Promise<Answer> {
  const { discovery } = world
  const id = call.rest
  const before = demandCheck(world, call, id)
  if (before.kind !== 'ttl') {
    throw new ConsulError(500, `CheckID ${JSON.stringify(id)} does not have associated TTL`)
  }
  const isNews = before.status !== status
  discovery.reportNodeCheck(discovery.localNode, id, status, output)
  // A heartbeat that changes nothing has nothing to wait for.
  return isNews ? discovery.applied().then(() => text('')) : text('')
}

/** Throws `ConsulError` 404 for a service that is not on this machine's node, and 403. */
export function demandService(
  { discovery }: World,
  call: Call,
  id: string,
  access: 'read' | 'write',
): Instance {
  if (id === '') throw new ConsulError(400, 'Missing service ID')
  const instance = discovery.instanceOnNode(discovery.localNode, id)
  if (instance === undefined) {
    throw new ConsulError(
      404,
      `Unknown service ID ${JSON.stringify(id)}. Ensure that the service ID is passed, not the service name.`,
    )
  }
  call.demand('service', instance.service, access)
  return instance
}

function demandCheck({ discovery, node }: World, call: Call, id: string): Check {
  if (id === '') throw new ConsulError(400, 'Missing check ID')
  const found = discovery.checkOnNode(discovery.localNode, id)
  if (found === undefined) {
    throw new ConsulError(
      404,
      `Unknown check ID ${JSON.stringify(id)}. Ensure that the check ID is passed, not the check name.`,
    )
  }
  const { instance, check } = found
  if (instance === undefined) call.demand('node', node, 'write')
  else call.demand('service', instance.service, 'write')
  return check
}
