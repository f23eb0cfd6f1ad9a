import { createHash, randomUUID } from 'node:crypto'
import { json, type Answer } from '../answers.ts'
import type { Call } from '../call.ts'
import { ConsulError } from '../errors.ts'
import type { JsonFields } from '../json-fields.ts'
import { ANONYMOUS_ACCESSOR } from '../permissions.ts'
import type { Route } from '../router.ts'
import { CONFIGURED_ACCESSOR, hashOfSecret, type AclBook } from './book.ts'
import { MANAGEMENT, type Token } from './model.ts'
import type { AclStore } from './store.ts'

/** Tokens that are kept. */
export const TOKENS_MAX = 10_000
const DESCRIPTION_LENGTH_MAX = 1_024
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
/** Secrets are kept as hashes: they are told once, when a token is made. */
const HIDDEN = '<hidden>'

/** `/v1/acl/token`: https://developer.hashicorp.com/consul/api-docs/acl/tokens */
export function tokenRoutes(book: AclBook, store: AclStore, nowMs: () => number): readonly Route[] {
  const tokens = new Tokens(book, store, nowMs)
  return [
    { methods: ['PUT'], path: '/v1/acl/bootstrap', run: () => tokens.bootstrap() },
    {
      methods: ['GET'],
      path: '/v1/acl/tokens',
      run(call) {
        call.demand('acl', '', 'read')
        const policy = call.param('policy')
        const all = [...book.tokens.values()].filter(
          ({ policies }) => policy === '' || policies.includes(policy),
        )
        return json(all.map((token) => tokenJson(book, token, HIDDEN)))
      },
    },
    { methods: ['GET'], path: '/v1/acl/token/self', run: (call) => tokens.self(call) },
    { methods: ['PUT'], path: '/v1/acl/token', run: (call) => tokens.create(call) },
    {
      methods: ['GET'],
      path: '/v1/acl/token/',
      run(call) {
        call.demand('acl', '', 'read')
        return json(tokenJson(book, tokens.found(call.rest), HIDDEN))
      },
    },
    {
      methods: ['PUT'],
      path: '/v1/acl/token/',
      run(call) {
        const [accessor = '', verb] = call.rest.split('/')
        return verb === 'clone' ? tokens.clone(call, accessor) : tokens.update(call, call.rest)
      },
    },
    { methods: ['DELETE'], path: '/v1/acl/token/', run: (call) => tokens.remove(call) },
  ]
}

class Tokens {
  readonly #book: AclBook
  readonly #store: AclStore
  readonly #nowMs: () => number

  constructor(book: AclBook, store: AclStore, nowMs: () => number) {
    this.#book = book
    this.#store = store
    this.#nowMs = nowMs
  }

  found(accessor: string): Token {
    const token = this.#book.tokens.get(accessor)
    if (token === undefined) throw new ConsulError(404, 'Cannot find token to read: ACL not found')
    return token
  }

  /** The first token, for whoever comes first; never again. */
  bootstrap(): Promise<Answer> {
    return this.#store.write((index) => {
      if (this.#store.bootstraps > 0) {
        throw new ConsulError(
          403,
          'Permission denied: ACL bootstrap no longer allowed (reset index: 0)',
        )
      }
      const secret = randomUUID()
      const token = this.#make(secret, randomUUID(), index, {
        description: 'Bootstrap Token (Global Management)',
        policies: [MANAGEMENT.id],
        expiresAtMs: 0,
      })
      return {
        changes: [{ kind: 'token', token }, { kind: 'bootstrapped' }],
        result: json(tokenJson(this.#book, token, secret)),
      }
    })
  }

  self(call: Call): Answer {
    const { secret } = call
    if (this.#book.isConfigured(secret)) return json(configuredJson(secret))
    const token = this.#book.tokenOf(secret)
    if (token !== undefined) return json(tokenJson(this.#book, token, secret || 'anonymous'))
    if (secret !== '') throw new ConsulError(403, 'ACL not found')
    return json(tokenJson(this.#book, this.#anonymous(0), 'anonymous'))
  }

  create(call: Call): Promise<Answer> {
    call.demand('acl', '', 'write')
    const fields = call.fields()
    const accessor = fields.text('AccessorID') || randomUUID()
    const secret = fields.text('SecretID') || randomUUID()
    if (!UUID.test(accessor) || !UUID.test(secret)) {
      throw new ConsulError(400, 'Invalid Token: AccessorID and SecretID must be UUIDs')
    }
    return this.#store.write((index) => {
      this.#refuseNew(accessor, secret)
      const token = this.#make(secret, accessor, index, this.#read(fields))
      return {
        changes: [{ kind: 'token', token }],
        result: json(tokenJson(this.#book, token, secret)),
      }
    })
  }

  clone(call: Call, accessor: string): Promise<Answer> {
    call.demand('acl', '', 'write')
    const fields = call.fields()
    return this.#store.write((index) => {
      const { description, policies, expiresAtMs } = this.found(accessor)
      const secret = randomUUID()
      this.#refuseNew('', secret)
      const token = this.#make(secret, randomUUID(), index, {
        description: fields.text('Description') || description,
        policies,
        expiresAtMs,
      })
      return {
        changes: [{ kind: 'token', token }],
        result: json(tokenJson(this.#book, token, secret)),
      }
    })
  }

  update(call: Call, accessor: string): Promise<Answer> {
    call.demand('acl', '', 'write')
    const fields = call.fields()
    return this.#store.write((index) => {
      const isAnonymous = accessor === ANONYMOUS_ACCESSOR && !this.#book.tokens.has(accessor)
      const before = isAnonymous ? this.#anonymous(index) : this.found(accessor)
      const read = this.#read(fields)
      // When a token ends is said when it is made.
      const token: Token = {
        ...before,
        ...read,
        expiresAtMs: before.expiresAtMs,
        modifyIndex: index,
      }
      return {
        changes: [{ kind: 'token', token }],
        result: json(tokenJson(this.#book, token, HIDDEN)),
      }
    })
  }

  remove(call: Call): Promise<Answer> {
    call.demand('acl', '', 'write')
    const accessor = call.rest
    if (accessor === ANONYMOUS_ACCESSOR) {
      throw new ConsulError(400, 'Delete operation not permitted on the anonymous token')
    }
    return this.#store.write(() => ({
      changes: this.#book.tokens.has(accessor) ? [{ kind: 'token-gone', accessor }] : [],
      result: json(true),
    }))
  }

  #make(
    secret: string,
    accessor: string,
    index: number,
    read: Pick<Token, 'description' | 'policies' | 'expiresAtMs'>,
  ): Token {
    const indexes = { createIndex: index, modifyIndex: index }
    const createdAtMs = Math.trunc(this.#nowMs())
    return { accessor, secretHash: hashOfSecret(secret), createdAtMs, ...read, ...indexes }
  }

  /** Nobody can have its secret: it is what has none. */
  #anonymous(index: number): Token {
    const read = { description: 'Anonymous Token', policies: [], expiresAtMs: 0 }
    return this.#make(randomUUID(), ANONYMOUS_ACCESSOR, index, read)
  }

  #refuseNew(accessor: string, secret: string): void {
    const { tokens } = this.#book
    const isTaken = tokens.has(accessor) || accessor === ANONYMOUS_ACCESSOR
    if (isTaken || this.#book.tokenOf(secret) !== undefined || this.#book.isConfigured(secret)) {
      throw new ConsulError(400, 'Invalid Token: AccessorID or SecretID is already in use')
    }
    if (tokens.size >= TOKENS_MAX)
      throw new ConsulError(507, `There are ${TOKENS_MAX} tokens already.`)
  }

  #read(fields: JsonFields): Pick<Token, 'description' | 'policies' | 'expiresAtMs'> {
    for (const name of ['Roles', 'ServiceIdentities', 'NodeIdentities', 'TemplatedPolicies']) {
      if (fields.list(name).length === 0) continue
      throw new ConsulError(
        400,
        `Invalid Token: ${name} are not offered by Backplane; use policies`,
      )
    }
    const description = fields.text('Description')
    if (description.length > DESCRIPTION_LENGTH_MAX) {
      throw new ConsulError(400, 'Invalid Token: the description is too long')
    }
    return {
      description,
      policies: [...new Set(fields.objects('Policies').map((one) => this.#policyOf(one)))],
      expiresAtMs: this.#expiryOf(fields),
    }
  }

  #policyOf(link: JsonFields): string {
    const [id, name] = [link.text('ID'), link.text('Name')]
    const { policies } = this.#book
    const policy = id === '' ? policies.values().find((one) => one.name === name) : policies.get(id)
    if (policy !== undefined) return policy.id
    throw new ConsulError(
      400,
      `No such ACL policy with ${id === '' ? `name "${name}"` : `ID "${id}"`}`,
    )
  }

  #expiryOf(fields: JsonFields): number {
    const time = fields.text('ExpirationTime')
    const ttlNs = fields.durationNs('ExpirationTTL') ?? 0
    if (time === '' && ttlNs === 0) return 0
    const atMs = time === '' ? this.#nowMs() + ttlNs / 1e6 : Date.parse(time)
    if (Number.isFinite(atMs) && atMs > this.#nowMs()) return Math.trunc(atMs)
    throw new ConsulError(400, 'Invalid Token: it would have expired already')
  }
}

function tokenJson(book: AclBook, token: Token, secret: string): object {
  const { accessor, description, policies, createdAtMs, expiresAtMs } = token
  return {
    AccessorID: accessor,
    SecretID: secret,
    Description: description,
    Policies: policies.map((ID) => ({ ID, Name: book.policies.get(ID)?.name ?? '' })),
    Local: false,
    ...(expiresAtMs === 0 ? {} : { ExpirationTime: new Date(expiresAtMs).toISOString() }),
    CreateTime: new Date(createdAtMs).toISOString(),
    Hash: createHash('sha256')
      .update(JSON.stringify([description, policies]))
      .digest('base64'),
    CreateIndex: token.createIndex,
    ModifyIndex: token.modifyIndex,
  }
}

function configuredJson(secret: string): object {
  return {
    AccessorID: CONFIGURED_ACCESSOR,
    SecretID: secret,
    Description: 'consul.token of backplane.yaml',
    Policies: [{ ID: MANAGEMENT.id, Name: MANAGEMENT.name }],
    Local: false,
    CreateTime: new Date(0).toISOString(),
    Hash: '',
    CreateIndex: 1,
    ModifyIndex: 1,
  }
}
