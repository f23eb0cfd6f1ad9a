import { ConsulError } from './errors.ts'

/** What a rule is about. */
export type Resource =
  | 'acl'
  | 'agent'
  | 'event'
  | 'key'
  | 'keyring'
  | 'node'
  | 'operator'
  | 'query'
  | 'service'
  | 'session'

/** What is done with it. Reading a whole prefix is reading each of its keys. */
export type Access = 'read' | 'write'

/** What a token may. */
export interface Permissions {
  /** The public name of the token, for errors and logs. */
  readonly accessor: string
  allows(resource: Resource, name: string, access: Access): boolean
  /** Whether everything below the prefix may be written, as a recursive delete asks. */
  allowsPrefixWrite(prefix: string): boolean
}

/** Finds out what a secret stands for. */
export interface Authorizer {
  /** What requests may that say no token: `X-Consul-Default-ACL-Policy`. */
  readonly defaultPolicy: 'allow' | 'deny'
  /** '' is the anonymous token. Throws `ConsulError` 403 for an unknown one. */
  permissionsOf(secret: string): Permissions
}

/** The accessor of requests without a token. */
export const ANONYMOUS_ACCESSOR = '00000000-0000-0000-0000-000000000002'

/** Where access control is not configured, everybody may everything. */
export const OPEN: Authorizer = {
  defaultPolicy: 'allow',
  permissionsOf: () => ({
    accessor: ANONYMOUS_ACCESSOR,
    allows: () => true,
    allowsPrefixWrite: () => true,
  }),
}

/** The refusal that clients know. */
export function permissionDenied(
  { accessor }: Permissions,
  resource: Resource,
  name: string,
  access: Access,
): ConsulError {
  const on = name === '' ? '' : ` on ${JSON.stringify(name)}`
  return new ConsulError(
    403,
    `Permission denied: token with AccessorID '${accessor}' lacks permission '${resource}:${access}'${on}`,
  )
}
