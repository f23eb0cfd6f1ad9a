import type { SettingPath, SettingProblem } from '../../platform/config/problems.ts'
import type { HostPort } from '../../platform/config/addresses.ts'
import { isLoopbackHost } from '../../platform/config/addresses.ts'
import { MASTER_KEY_CHARACTERS_MIN } from './keys/master-key.ts'
import { ACCOUNT_CLIENT } from './provider/clients.ts'
import { redirectFault } from './redirects.ts'
import type { IdentitySettings } from './schema.ts'

/** What is looked at. */
interface Checked {
  readonly identity?: IdentitySettings | undefined
  readonly listen: { readonly console?: HostPort | 'off' | undefined; readonly default: string }
}

const invalid = (path: SettingPath, message: string): SettingProblem => ({
  path,
  code: 'ERR_CONFIG_VALUE_INVALID',
  message,
})
const conflict = (path: SettingPath, message: string): SettingProblem => ({
  path,
  code: 'ERR_CONFIG_CONFLICT',
  message,
})

/** What no single setting of identity can know. */
export function checkIdentity(settings: Checked): readonly SettingProblem[] {
  const { identity } = settings
  if (identity === undefined) return []
  const at = (...path: SettingPath) => ['identity', ...path]
  return [
    ...checkIssuer(settings, identity),
    ...checkKey(identity),
    ...identity.clients.flatMap((client, index) => [
      ...checkClient(client, at('clients', index)),
      ...(identity.clients.findIndex(({ id }) => id === client.id) < index
        ? [conflict(at('clients', index, 'id'), `is there twice: ${client.id}`)]
        : []),
    ]),
    ...identity.resources.flatMap((resource, index) =>
      resource.id.includes('#')
        ? [invalid(at('resources', index, 'id'), 'must not have a fragment (RFC 8707 section 2)')]
        : [],
    ),
  ]
}

function checkIssuer({ listen }: Checked, identity: IdentitySettings): readonly SettingProblem[] {
  const path = ['identity', 'issuer']
  if (identity.issuer === undefined) {
    if (typeof listen.console === 'object' && listen.console.port !== 0) return []
    if (listen.console === undefined && listen.default !== 'off') return []
    return [
      invalid(
        path,
        'must be set where the console has no fixed port: tokens say it, and clients find everything by it',
      ),
    ]
  }
  const { pathname, protocol, hostname, search, hash } = new URL(identity.issuer)
  const isExact = pathname === '/identity' && search === '' && hash === ''
  if (!isExact) return [invalid(path, 'must end with /identity, without a slash behind it')]
  const isPlain = protocol === 'http:' && !isLoopbackHost(hostname.replace(/^\[|\]$/g, ''))
  if (protocol === 'https:' || !isPlain) return []
  return [invalid(path, 'must begin with https:// beyond loopback: passwords and tokens go there')]
}

function checkKey({ key, postgres }: IdentitySettings): readonly SettingProblem[] {
  if (postgres !== undefined && key === undefined) {
    return [
      conflict(
        ['identity', 'postgres'],
        'needs identity.key: { env: NAME }, one key for all nodes that share it',
      ),
    ]
  }
  if (typeof key !== 'string' || key.length >= MASTER_KEY_CHARACTERS_MIN) return []
  return [
    invalid(
      ['identity', 'key'],
      `must have at least ${MASTER_KEY_CHARACTERS_MIN} characters of chance; make one with: openssl rand -base64 32`,
    ),
  ]
}

type Client = IdentitySettings['clients'][number]

function checkClient(client: Client, path: SettingPath): readonly SettingProblem[] {
  const { secret, jwks, jwksUri, grants = [], redirectUris } = client
  const isPublic = secret === undefined && jwks === undefined && jwksUri === undefined
  const own = grants.find((one) => one === 'client_credentials' || one === 'token_exchange')
  const isOwnByDefault = client.grants === undefined && redirectUris.length === 0
  const problems: SettingProblem[] = []
  if (client.id === ACCOUNT_CLIENT) {
    problems.push(conflict([...path, 'id'], `is kept for our own pages: ${ACCOUNT_CLIENT}`))
  }
  if (isPublic && (own !== undefined || isOwnByDefault)) {
    problems.push(
      conflict(
        [...path, isOwnByDefault ? 'id' : 'grants'],
        `is a client without credentials, and ${own ?? 'client_credentials'} needs some: give it secret: { env: NAME }`,
      ),
    )
  }
  if (grants.includes('authorization_code') && redirectUris.length === 0) {
    problems.push(conflict([...path, 'grants'], 'has authorization_code, which needs redirectUris'))
  }
  if (secret !== undefined && (jwks !== undefined || jwksUri !== undefined)) {
    problems.push(conflict([...path, 'secret'], 'and keys: a client proves itself in one way'))
  }
  if (jwks?.keys.some((key) => 'd' in key || 'k' in key) === true) {
    problems.push(invalid([...path, 'jwks'], 'has a private key: only public ones belong here'))
  }
  for (const [index, uri] of redirectUris.entries()) {
    const fault = redirectFault(uri, client.native)
    if (fault !== undefined) problems.push(invalid([...path, 'redirectUris', index], fault))
  }
  return problems
}
