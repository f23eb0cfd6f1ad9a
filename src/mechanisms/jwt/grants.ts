import type { JsonValue } from '../strict-json/strict-json.ts'
import type { JsonMembers } from './compact.ts'

const NO_TEXTS: readonly string[] = []

/** Scopes of a token (RFC 9068 section 2.2.3, RFC 8693 section 4.2): a text with spaces, or a list as some issuers write it, in `scope` or `scp`. */
export function scopesOf(claims: JsonMembers): readonly string[] {
  return textsOf(claims.get('scope') ?? claims.get('scp'))
}

/** Roles of a token: `roles` (RFC 9068 section 2.2.3.1), or what Keycloak writes below `realm_access`. */
export function rolesOf(claims: JsonMembers): readonly string[] {
  const access = claims.get('realm_access')
  const nested = access instanceof Map ? (access as JsonMembers).get('roles') : undefined
  return [...textsOf(claims.get('roles')), ...textsOf(nested)]
}

function textsOf(value: JsonValue | undefined): readonly string[] {
  if (typeof value === 'string') return value.split(' ').filter((each) => each !== '')
  if (!Array.isArray(value)) return NO_TEXTS
  return value.filter((each): each is string => typeof each === 'string')
}

/** The claim at a path of names, `realm_access.roles`; a claim whose own name has the dots comes first (`https://example.com/tenant`). */
export function claimAt(claims: JsonMembers, path: string): JsonValue | undefined {
  const own = claims.get(path)
  if (own !== undefined) return own
  let value: JsonValue | undefined = claims
  for (const name of path.split('.')) {
    if (!(value instanceof Map)) return undefined
    value = (value as JsonMembers).get(name)
  }
  return value
}

/** Whether a claim has this value: it is it, or a list has it among others. Numbers and booleans as they are written in JSON. */
export function hasClaimValue(claim: JsonValue | undefined, wanted: string): boolean {
  if (Array.isArray(claim)) return claim.some((each: JsonValue) => hasClaimValue(each, wanted))
  if (typeof claim === 'string') return claim === wanted
  return typeof claim === 'number' || typeof claim === 'boolean' ? String(claim) === wanted : false
}

const VALUE_LENGTH_MAX = 2_048

/**
 * A claim as the value of a header: texts, numbers and booleans as they are, lists with a comma between. What is not visible ASCII, `%`, and a comma inside of a list
 * is percent-encoded from UTF-8, so that nothing in a claim can end a line or begin another value. '' for what has no such form, or is too long.
 */
export function formatClaim(claim: JsonValue | undefined): string {
  const text = Array.isArray(claim)
    ? claim.map((each: JsonValue) => formatScalar(each).replaceAll(',', '%2C')).join(',')
    : formatScalar(claim)
  return text.length <= VALUE_LENGTH_MAX ? text : ''
}

function formatScalar(claim: JsonValue | undefined): string {
  if (typeof claim === 'string')
    return /^[\x21-\x24\x26-\x7e]*$/.test(claim) ? claim : encodeText(claim)
  return typeof claim === 'number' || typeof claim === 'boolean' ? String(claim) : ''
}

function encodeText(text: string): string {
  let encoded = ''
  for (const byte of new TextEncoder().encode(text)) {
    encoded +=
      byte >= 0x20 && byte < 0x7f && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  // White space at an end would not survive as the value of a field.
  return encoded.replace(/^ +| +$/g, (spaces) => '%20'.repeat(spaces.length))
}
