import { OWN_ISSUER } from '../../contracts/issuers.ts'
import { SECRET_BYTES_MIN } from '../../mechanisms/jwt/algorithms.ts'
import {
  parsePasswordHash,
  PasswordHashError,
} from '../../mechanisms/password-hash/password-hash.ts'
import { explainFieldName } from '../../mechanisms/settable-fields/settable-fields.ts'
import { isLoopbackHost } from '../../platform/config/addresses.ts'
import type { SettingPath, SettingProblem } from '../../platform/config/problems.ts'
import type { AuthSettings, IssuerSettings } from './auth-settings.ts'
import type { TrustedIssuers } from './trusted-issuers.ts'

type Issuers = Readonly<Record<string, IssuerSettings>>

/** What no single setting of `auth` can know. */
export function checkAuth(
  auth: AuthSettings,
  issuers: TrustedIssuers,
  path: SettingPath,
): readonly SettingProblem[] {
  const { jwt, key, basic, signature, introspection, certificate } = auth
  const ways = [jwt, key, basic, signature, introspection, certificate].filter(
    (way) => way !== undefined,
  )
  const none =
    ways.length > 0
      ? []
      : [
          conflict(
            path,
            'names no way in; write jwt, key, basic, signature, introspection or certificate',
          ),
        ]
  return [
    ...none,
    ...(jwt === undefined ? [] : checkJwt(jwt, issuers, [...path, 'jwt'])),
    ...(key === undefined ? [] : checkHeader(key.header, [...path, 'key', 'header'])),
    ...(key === undefined ? [] : checkTwice(key.keys, [...path, 'key', 'keys'])),
    ...(basic === undefined ? [] : checkUsers(basic.users, [...path, 'basic', 'users'])),
    ...(signature === undefined ? [] : checkSigners(signature, [...path, 'signature'])),
    ...(introspection === undefined
      ? []
      : checkUrl(introspection.url, [...path, 'introspection', 'url'])),
    ...checkForward(auth, [...path, 'forward']),
  ]
}

/** `gateway.issuers`. */
export function checkIssuers(issuers: Issuers): readonly SettingProblem[] {
  return Object.entries(issuers).flatMap(([name, { issuer, jwks, jwksFile, secret }]) => {
    const path = ['gateway', 'issuers', name]
    if (name === OWN_ISSUER)
      return [conflict(path, `may not be named ${OWN_ISSUER}: that is Backplane's own issuer`)]
    if ([secret, jwks, jwksFile].filter((place) => place !== undefined).length > 1)
      return [
        conflict(path, 'has its keys in one place: jwks, jwksFile or secret; remove the others'),
      ]
    if (secret !== undefined) return checkSecret(secret, [...path, 'secret'])
    if (jwks !== undefined) return checkUrl(jwks, [...path, 'jwks'])
    return jwksFile === undefined ? checkUrl(issuer, [...path, 'issuer']) : []
  })
}

function checkJwt(
  { issuers: names, audience }: NonNullable<AuthSettings['jwt']>,
  issuers: TrustedIssuers,
  path: SettingPath,
): readonly SettingProblem[] {
  if (names.length === 0 && issuers.names.length === 0) {
    const message = 'has nobody who signs tokens; name one in gateway.issuers'
    return [conflict(path, message)]
  }
  if (audience === undefined && issuers.ownAudience === undefined) {
    const message = 'must say who the token must be for (aud)'
    return [invalid([...path, 'audience'], message)]
  }
  return names.flatMap((name, at) => {
    if (issuers.names.includes(name)) return []
    if (name === OWN_ISSUER) {
      const message = `${OWN_ISSUER} is Backplane's own issuer, and the file has no identity`
      return [invalid([...path, 'issuers', at], message)]
    }
    const known = issuers.names.join(', ')
    const message = `${name} is not in gateway.issuers${known === '' ? '' : `, which has ${known}`}`
    return [invalid([...path, 'issuers', at], message)]
  })
}

/** Over a network keys and secrets go by TLS only: who can change them on the way signs what he likes. */
function checkUrl(text: string, path: SettingPath): readonly SettingProblem[] {
  if (!URL.canParse(text)) return [invalid(path, `${text} is no URL`)]
  const { protocol, hostname, username, password, hash } = new URL(text)
  if (username !== '' || password !== '' || hash !== '')
    return [invalid(path, 'may have no user, password or fragment')]
  const isLocal = protocol === 'http:' && isLoopbackHost(hostname.replace(/^\[|\]$/g, ''))
  if (protocol === 'https:' || isLocal) return []
  return [invalid(path, 'must begin with https:// (http:// is for loopback only)')]
}

function checkSecret(value: unknown, path: SettingPath): readonly SettingProblem[] {
  // Before the sources of secrets are read there is nothing to measure.
  if (typeof value !== 'string' || Buffer.byteLength(value) >= SECRET_BYTES_MIN) return []
  const message = `is shorter than ${SECRET_BYTES_MIN} bytes, so it can be found by trying; make one with: openssl rand -hex 32`
  return [invalid(path, message)]
}

function checkSigners(
  { keys, covers }: NonNullable<AuthSettings['signature']>,
  path: SettingPath,
): readonly SettingProblem[] {
  const secrets = keys.flatMap(({ secret }, at) =>
    checkSecret(secret, [...path, 'keys', at, 'secret']),
  )
  const names = covers.flatMap((name, at) =>
    /^(@(method|scheme|authority|path|query|target-uri|request-target)|[a-z0-9!#$%&'*+.^_`|~-]+)$/.test(
      name,
    )
      ? []
      : [
          invalid(
            [...path, 'covers', at],
            `${name} is no component: @method, @authority, @path, @query, or a header in lower case`,
          ),
        ],
  )
  return [...secrets, ...names, ...checkTwice(keys, [...path, 'keys'])]
}

function checkUsers(
  users: NonNullable<AuthSettings['basic']>['users'],
  path: SettingPath,
): readonly SettingProblem[] {
  const hashes = users.flatMap(({ hash, id }, at) => {
    // Before the sources of secrets are read there is nothing to look at.
    if (typeof hash !== 'string') return []
    if (id.includes(':')) return [invalid([...path, at, 'id'], 'may have no colon (RFC 7617)')]
    try {
      parsePasswordHash(hash)
      return []
    } catch (error) {
      if (!(error instanceof PasswordHashError)) throw error
      return [invalid([...path, at, 'hash'], error.message)]
    }
  })
  return [...hashes, ...checkTwice(users, path)]
}

/** Two with one name could not be told apart; the same key twice neither. */
function checkTwice(
  list: readonly { readonly id: string; readonly sha256?: string }[],
  path: SettingPath,
): readonly SettingProblem[] {
  return list.flatMap(({ id, sha256 }, at) => {
    const sameKey = list.findIndex((other) => sha256 !== undefined && other.sha256 === sha256)
    if (sameKey >= 0 && sameKey < at)
      return [conflict([...path, at, 'sha256'], `is the key of ${list[sameKey]?.id}, too`)]
    const isOften = sha256 === undefined && list.findIndex((other) => other.id === id) < at
    return isOften ? [conflict([...path, at, 'id'], `${id} stands there already`)] : []
  })
}

function checkHeader(name: string, path: SettingPath): readonly SettingProblem[] {
  const why = explainFieldName(name)
  return why === undefined ? [] : [invalid(path, `${name} ${why}`)]
}

function checkForward(
  { forward, key }: AuthSettings,
  path: SettingPath,
): readonly SettingProblem[] {
  return Object.keys(forward).flatMap((name): SettingProblem[] => {
    const why = explainFieldName(name)
    if (why !== undefined) return [{ ...invalid([...path, name], `${name} ${why}`), at: 'key' }]
    const isCredential =
      name.toLowerCase() === 'authorization' || name.toLowerCase() === key?.header.toLowerCase()
    if (!isCredential) return []
    const message = 'has the credentials of the client; choose another header for the claim'
    return [conflict([...path, name], message)]
  })
}

function invalid(path: SettingPath, message: string): SettingProblem {
  return { path, code: 'ERR_CONFIG_VALUE_INVALID', message }
}

function conflict(path: SettingPath, message: string): SettingProblem {
  return { path, code: 'ERR_CONFIG_CONFLICT', message, at: 'key' }
}
