import type { Instance } from './model.ts'

/** `ERR_DISCOVERY_*`: docs/errors/discovery.md explains each. */
export type DiscoveryErrorCode =
  | 'ERR_DISCOVERY_INVALID'
  | 'ERR_DISCOVERY_FULL'
  | 'ERR_DISCOVERY_CLIENT_FULL'
  | 'ERR_DISCOVERY_INSTANCE_UNKNOWN'
  | 'ERR_DISCOVERY_OVERRIDES_FULL'
  | 'ERR_DISCOVERY_INSTANCE_TAKEN'
  | 'ERR_DISCOVERY_EXEC_REFUSED'
  | 'ERR_DISCOVERY_WATCHERS_FULL'
  | 'ERR_DISCOVERY_NODES_FULL'
  | 'ERR_DISCOVERY_CHECKS_FULL'

/** What discovery refuses. `statusCode` is the HTTP status that fits; the message says what to do. */
export class DiscoveryError extends Error {
  override readonly name = 'DiscoveryError'
  readonly code: DiscoveryErrorCode
  readonly statusCode: number

  constructor(statusCode: number, code: DiscoveryErrorCode, message: string) {
    super(message)
    this.statusCode = statusCode
    this.code = code
  }
}

const originNames = {
  run: 'a supervised process',
  at: 'the configuration file',
  registered: 'a registration',
  followed: 'another registry',
} as const

/** Two sources must not fight over one instance. */
export function instanceTakenError(
  taken: Pick<Instance, 'id' | 'service' | 'origin' | 'source'>,
): DiscoveryError {
  return new DiscoveryError(
    409,
    'ERR_DISCOVERY_INSTANCE_TAKEN',
    `Instance '${taken.id}' of '${taken.service}' comes from ${originNames[taken.origin]}${taken.source === taken.origin ? '' : ` (${taken.source})`}. Use another id, or change it where it comes from.`,
  )
}

/** The bound on everything that the registry holds. */
export function registryFullError(count: number): DiscoveryError {
  return new DiscoveryError(
    507,
    'ERR_DISCOVERY_FULL',
    `${count} instances are registered already. Deregister some, or raise discovery.instances.`,
  )
}

/** The bound on what one address registers. */
export function clientFullError(client: string, count: number): DiscoveryError {
  return new DiscoveryError(
    429,
    'ERR_DISCOVERY_CLIENT_FULL',
    `${count} instances from ${client} are registered already (discovery.perClient). Deregister some, or raise the limit.`,
  )
}

/** What was asked for is not registered (any more). */
export function instanceUnknownError(service: string, id: string): DiscoveryError {
  return new DiscoveryError(
    404,
    'ERR_DISCOVERY_INSTANCE_UNKNOWN',
    `There is no instance '${id}' of '${service}': it never was, was deregistered, or its lease ran out. Register it (again).`,
  )
}

/** The bound on nodes. */
export function nodesFullError(count: number): DiscoveryError {
  return new DiscoveryError(
    507,
    'ERR_DISCOVERY_NODES_FULL',
    `${count} nodes are registered already (nodesMax). Deregister some.`,
  )
}

/** The bound on the checks of one instance or node. */
export function checksFullError(owner: string, count: number): DiscoveryError {
  return new DiscoveryError(
    507,
    'ERR_DISCOVERY_CHECKS_FULL',
    `${owner} has ${count} checks already (checksMax). Deregister some.`,
  )
}
