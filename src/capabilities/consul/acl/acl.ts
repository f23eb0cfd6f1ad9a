import type { Problem, Scope } from '../../../platform/capability.ts'
import type { Storage } from '../../../platform/storage/storage.ts'
import { ConsulError } from '../errors.ts'
import { OPEN, type Authorizer } from '../permissions.ts'
import type { Route } from '../router.ts'
import type { ConsulSettings } from '../settings.ts'
import { AclBook } from './book.ts'
import { policyRoutes } from './policies.ts'
import { openAclStore } from './store.ts'
import { tokenRoutes } from './tokens.ts'

/** Access control as the file wants it. */
export interface Acl {
  readonly authorizer: Authorizer
  readonly routes: readonly Route[]
  problems(): Iterable<Problem>
}

/** What is not offered of it. */
const NOT_OFFERED = [
  '/v1/acl/role',
  '/v1/acl/role/',
  '/v1/acl/roles',
  '/v1/acl/auth-method',
  '/v1/acl/auth-method/',
  '/v1/acl/auth-methods',
  '/v1/acl/binding-rule',
  '/v1/acl/binding-rule/',
  '/v1/acl/binding-rules',
  '/v1/acl/templated-policy/',
  '/v1/acl/templated-policies',
  '/v1/acl/login',
  '/v1/acl/logout',
  '/v1/acl/replication',
] as const

/** Whether requests are asked who they are: where the file has a token, or says what requests may without one. */
export function isAclOn({ token, acl }: ConsulSettings): boolean {
  return token !== undefined || acl !== undefined
}

/** What requests may that no token allows. */
export function defaultPolicyOf({ token, acl }: ConsulSettings): 'allow' | 'deny' {
  return acl ?? (token === undefined ? 'allow' : 'deny')
}

/** Tokens and policies: kept in the state file, in force as soon as they are stored. */
export async function openAcl(
  settings: ConsulSettings,
  storage: Storage,
  scope: Pick<Scope, 'clock' | 'log'>,
): Promise<Acl> {
  if (!isAclOn(settings)) {
    const disabled = all('/v1/acl/', new ConsulError(401, 'ACL support disabled'))
    return { authorizer: OPEN, routes: [disabled], problems: () => [] }
  }
  const nowMs = (): number => scope.clock.nowMs()
  const book = new AclBook(defaultPolicyOf(settings), settings.token, nowMs)
  const store = await openAclStore(storage, book, scope)
  const routes = [
    ...(settings.token === undefined ? [] : [refusedBootstrap()]),
    ...tokenRoutes(book, store, nowMs).filter(
      ({ path }) => settings.token === undefined || path !== '/v1/acl/bootstrap',
    ),
    ...policyRoutes(book, store),
    ...NOT_OFFERED.map((path) =>
      all(
        path,
        new ConsulError(
          501,
          'Roles, auth methods and replication: not offered by Backplane; use policies.',
        ),
      ),
    ),
    all(
      '/v1/acl/',
      new ConsulError(
        410,
        'The legacy ACL endpoints are gone; use /v1/acl/token and /v1/acl/policy.',
      ),
    ),
  ]
  return { authorizer: book, routes, problems: () => store.setAside.problems() }
}

/** Where the file has the first token nobody else gets one. */
function refusedBootstrap(): Route {
  return {
    methods: ['PUT'],
    path: '/v1/acl/bootstrap',
    run() {
      throw new ConsulError(
        403,
        'Permission denied: ACL bootstrap no longer allowed (reset index: 0); consul.token of backplane.yaml may do everything',
      )
    },
  }
}

function all(path: string, error: ConsulError): Route {
  return {
    methods: ['GET', 'PUT', 'POST', 'DELETE'],
    path,
    run() {
      throw error
    },
  }
}
