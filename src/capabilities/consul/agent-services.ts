import type { CheckSpec } from '../discovery/check-spec.ts'
import type { InstanceSpec, TaggedAddress, Weights } from '../discovery/model.ts'
import { parseCheck, type CheckRules } from './agent-checks.ts'
import { ConsulError } from './errors.ts'
import type { JsonFields } from './json-fields.ts'

const PORT_MAX = 65_535
const WEIGHT_MAX = 65_535

/** What a client says of a service, without where it is. */
export interface ServiceDefinition {
  readonly id: string
  readonly name: string
  /** '' where it gives none. */
  readonly address: string
  readonly port: number
  readonly said: Pick<
    InstanceSpec,
    'tags' | 'meta' | 'weight' | 'taggedAddresses' | 'enableTagOverride'
  >
}

/** `ServiceDefinition` (agent) and `AgentService` (catalog) of the Consul API. Throws `ConsulError` 400, 501. */
export function parseService(fields: JsonFields): ServiceDefinition {
  const name = fields.text('Name') || fields.text('Service')
  if (name === '') throw new ConsulError(400, 'Missing service name')
  refuseMesh(fields)
  const address = fields.text('Address')
  if (['0.0.0.0', '::', '[::]'].includes(address)) {
    throw new ConsulError(400, 'Invalid service address')
  }
  const port = fields.integer('Port')
  if (port < 0 || port > PORT_MAX) throw new ConsulError(400, `Invalid port: ${port}`)
  const tagged = fields.object('TaggedAddresses') ?? fields.object('tagged_addresses')
  return {
    id: fields.text('ID') || name,
    name,
    address,
    port,
    said: {
      tags: fields.texts('Tags'),
      meta: Object.fromEntries(fields.map('Meta')),
      weight: parseWeights(fields.object('Weights')),
      taggedAddresses: parseTagged(fields, tagged),
      enableTagOverride: fields.flag('EnableTagOverride') || fields.flag('enable_tag_override'),
    },
  }
}

/** `Check` and `Checks` of a service; ids that are not given are made as Consul makes them. Throws `ConsulError` 400, 501. */
export function parseChecks(
  fields: JsonFields,
  id: string,
  rules: CheckRules,
): readonly CheckSpec[] {
  const single = fields.object('Check')
  const all = [...(single === undefined ? [] : [single]), ...fields.objects('Checks')]
  const checks = all.map((one, at) =>
    parseCheck(one, rules, all.length === 1 ? `service:${id}` : `service:${id}:${at + 1}`),
  )
  // The last one with an id counts, as where they are registered one after the other.
  return [...new Map(checks.map((check) => [check.id, check])).values()]
}

function refuseMesh(fields: JsonFields): void {
  const connect = fields.object('Connect')
  const hasSidecar = connect?.has('SidecarService') ?? connect?.has('sidecar_service') ?? false
  const isProxy = fields.text('Kind') !== '' || fields.has('Proxy')
  if (hasSidecar || (isProxy && fields.text('Kind') !== 'typical')) {
    throw new ConsulError(
      501,
      'Connect and its proxies: not offered by Backplane; the gateway and the outbound listeners do what sidecars do.',
    )
  }
  if (fields.text('SocketPath') !== '' || fields.text('socket_path') !== '') {
    throw new ConsulError(
      501,
      'SocketPath: not offered by Backplane; register an address and a port.',
    )
  }
}

function parseWeights(fields: JsonFields | undefined): Weights {
  const passing = fields?.integer('Passing', 1) ?? 1
  const warning = fields?.integer('Warning', 1) ?? 1
  // What Go's client writes of weights that nobody has set.
  if (passing === 0 && warning === 0) return { passing: 1, warning: 1 }
  if (passing < 1) throw new ConsulError(400, 'Invalid Weights: Passing must be greater than 0')
  if (warning < 0) {
    throw new ConsulError(400, 'Invalid Weights: Warning must be greater or equal than 0')
  }
  if (passing > WEIGHT_MAX || warning > WEIGHT_MAX) {
    throw new ConsulError(400, 'Invalid Weights: weights must be less or equal than 65535')
  }
  return { passing, warning }
}

function parseTagged(
  fields: JsonFields,
  tagged: JsonFields | undefined,
): Readonly<Record<string, TaggedAddress>> {
  if (tagged === undefined) return {}
  const given = fields.raw('TaggedAddresses') ?? fields.raw('tagged_addresses')
  const names = typeof given === 'object' && given !== null ? Object.keys(given) : []
  return Object.fromEntries(
    names.map((name): [string, TaggedAddress] => {
      const one = tagged.object(name)
      return [name, { address: one?.text('Address') ?? '', port: one?.integer('Port') ?? 0 }]
    }),
  )
}
