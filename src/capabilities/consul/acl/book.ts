import { createHash } from 'node:crypto'
import { createDecisions } from '../../../mechanisms/acl-rules/decide.ts'
import type { Level } from '../../../mechanisms/acl-rules/rule.ts'
import { ConsulError } from '../errors.ts'
import {
  ANONYMOUS_ACCESSOR,
  type Access,
  type Authorizer,
  type Permissions,
} from '../permissions.ts'
import { MANAGEMENT, type Policy, type Token } from './model.ts'

/** The public name of the token of the file. */
export const CONFIGURED_ACCESSOR = '00000000-0000-0000-0000-0000000000ff'

/** Everything that is known of tokens and policies. */
export interface AclState {
  readonly policies: ReadonlyMap<string, Policy>
  /** By accessor. */
  readonly tokens: ReadonlyMap<string, Token>
}

/** SHA-256 of a secret, hexadecimal: what is kept, and what is looked up. */
export function hashOfSecret(secret: string): string {
  return createHash('sha256').update(secret, 'utf8').digest('hex')
}

/** Tokens and policies that are in force, and what they let. */
export class AclBook implements Authorizer, AclState {
  readonly defaultPolicy: 'allow' | 'deny'
  readonly policies = new Map<string, Policy>([[MANAGEMENT.id, MANAGEMENT]])
  readonly tokens = new Map<string, Token>()
  readonly #configuredHash: string | undefined
  readonly #nowMs: () => number
  readonly #byHash = new Map<string, Token>()
  /** Made when they are first asked for; forgotten with each change of what they stand on. */
  readonly #permissions = new Map<string, Permissions>()

  /** `configured` is the token of the file, which may do everything. */
  constructor(
    defaultPolicy: 'allow' | 'deny',
    configured: string | undefined,
    nowMs: () => number,
  ) {
    this.defaultPolicy = defaultPolicy
    this.#configuredHash = configured === undefined ? undefined : hashOfSecret(configured)
    this.#nowMs = nowMs
  }

  /** The token of a secret; undefined for an unknown or expired one, and for that of the file. */
  tokenOf(secret: string): Token | undefined {
    const token =
      secret === '' ? this.tokens.get(ANONYMOUS_ACCESSOR) : this.#byHash.get(hashOfSecret(secret))
    return token === undefined || this.#isExpired(token) ? undefined : token
  }

  /** Hashes are compared, not secrets: how long it takes says nothing of a secret. */
  isConfigured(secret: string): boolean {
    return secret !== '' && hashOfSecret(secret) === this.#configuredHash
  }

  permissionsOf(secret: string): Permissions {
    if (this.isConfigured(secret)) return everything(CONFIGURED_ACCESSOR)
    const token = this.tokenOf(secret)
    if (token !== undefined) return this.#permissionsOf(token)
    if (secret !== '') throw new ConsulError(403, 'ACL not found')
    return this.#compile(ANONYMOUS_ACCESSOR, [])
  }

  putPolicy(policy: Policy): void {
    this.policies.set(policy.id, policy)
    this.#permissions.clear()
  }

  deletePolicy(id: string): void {
    this.policies.delete(id)
    this.#permissions.clear()
  }

  putToken(token: Token): void {
    const before = this.tokens.get(token.accessor)
    if (before !== undefined) this.#byHash.delete(before.secretHash)
    this.tokens.set(token.accessor, token)
    this.#byHash.set(token.secretHash, token)
    this.#permissions.delete(token.accessor)
  }

  deleteToken(accessor: string): void {
    const token = this.tokens.get(accessor)
    if (token === undefined) return
    this.tokens.delete(accessor)
    this.#byHash.delete(token.secretHash)
    this.#permissions.delete(accessor)
  }

  #isExpired({ expiresAtMs }: Token): boolean {
    return expiresAtMs !== 0 && expiresAtMs <= this.#nowMs()
  }

  #permissionsOf(token: Token): Permissions {
    const known = this.#permissions.get(token.accessor)
    if (known !== undefined) return known
    const made = token.policies.includes(MANAGEMENT.id)
      ? everything(token.accessor)
      : this.#compile(token.accessor, token.policies)
    this.#permissions.set(token.accessor, made)
    return made
  }

  #compile(accessor: string, policies: readonly string[]): Permissions {
    const decisions = createDecisions(policies.flatMap((id) => this.policies.get(id)?.rules ?? []))
    const isOpen = this.defaultPolicy === 'allow'
    return {
      accessor,
      allows(resource, name, access) {
        const level = decisions.levelOf(resource, name)
        if (level !== undefined) return isEnough(level, access)
        // Who changes tokens may everything: that is never open by default.
        return isOpen && resource !== 'acl'
      },
      allowsPrefixWrite: (prefix) => decisions.mayWriteBelow('key', prefix) ?? isOpen,
    }
  }
}

function everything(accessor: string): Permissions {
  return { accessor, allows: () => true, allowsPrefixWrite: () => true }
}

function isEnough(level: Level, access: Access): boolean {
  switch (level) {
    case 'deny':
      return false
    case 'read':
    case 'list':
      return access === 'read'
    case 'write':
      return true
  }
}
