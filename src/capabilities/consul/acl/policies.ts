import { createHash, randomUUID } from 'node:crypto'
import { parseRules } from '../../../mechanisms/acl-rules/parse-rules.ts'
import { RulesError, type Rule } from '../../../mechanisms/acl-rules/rule.ts'
import { json, type Answer } from '../answers.ts'
import type { Call } from '../call.ts'
import { ConsulError } from '../errors.ts'
import type { Route } from '../router.ts'
import type { AclBook } from './book.ts'
import { MANAGEMENT, type Policy } from './model.ts'
import type { AclStore } from './store.ts'

/** Policies that are kept. */
export const POLICIES_MAX = 1_000
const NAME = /^[A-Za-z0-9_-]{1,128}$/
const DESCRIPTION_LENGTH_MAX = 1_024

/** `/v1/acl/policy`: https://developer.hashicorp.com/consul/api-docs/acl/policies */
export function policyRoutes(book: AclBook, store: AclStore): readonly Route[] {
  const found = (policy: Policy | undefined): Policy => {
    if (policy === undefined)
      throw new ConsulError(404, 'Requested policy does not exist: ACL not found')
    return policy
  }
  const readAs = (call: Call, find: () => Policy | undefined): Answer => {
    call.demand('acl', '', 'read')
    return json(policyJson(found(find())))
  }
  const byName = (name: string) => book.policies.values().find((one) => one.name === name)
  return [
    {
      methods: ['GET'],
      path: '/v1/acl/policies',
      run(call) {
        call.demand('acl', '', 'read')
        return json([...book.policies.values()].map(summaryJson))
      },
    },
    {
      methods: ['PUT'],
      path: '/v1/acl/policy',
      run: (call) => write(book, store, call, undefined),
    },
    {
      methods: ['GET'],
      path: '/v1/acl/policy/name/',
      run: (call) => readAs(call, () => byName(call.rest)),
    },
    {
      methods: ['GET'],
      path: '/v1/acl/policy/',
      run: (call) => readAs(call, () => book.policies.get(call.rest)),
    },
    {
      methods: ['PUT'],
      path: '/v1/acl/policy/',
      run: (call) => write(book, store, call, found(book.policies.get(call.rest)).id),
    },
    { methods: ['DELETE'], path: '/v1/acl/policy/', run: (call) => remove(book, store, call) },
  ]
}

async function write(
  book: AclBook,
  store: AclStore,
  call: Call,
  id: string | undefined,
): Promise<Answer> {
  call.demand('acl', '', 'write')
  const fields = call.fields()
  const given = { text: fields.text('Rules'), description: fields.text('Description') }
  const rules = readRules(given.text)
  if (given.description.length > DESCRIPTION_LENGTH_MAX) {
    throw new ConsulError(400, 'Invalid Policy: the description is too long')
  }
  return store.write((index) => {
    const before = id === undefined ? undefined : book.policies.get(id)
    const name = fields.text('Name') || (before?.name ?? '')
    refusePolicy(book, before, name)
    const policy: Policy = {
      id: before?.id ?? randomUUID(),
      name,
      ...given,
      rules,
      createIndex: before?.createIndex ?? index,
      modifyIndex: index,
    }
    return { changes: [{ kind: 'policy', policy }], result: json(policyJson(policy)) }
  })
}

function refusePolicy(book: AclBook, before: Policy | undefined, name: string): void {
  if (before?.id === MANAGEMENT.id) {
    throw new ConsulError(
      400,
      'Changing the Rules for the builtin global-management policy is not permitted',
    )
  }
  if (!NAME.test(name)) {
    throw new ConsulError(
      400,
      'Invalid Policy: invalid Name. Only alphanumeric characters, a "-" and "_" are allowed',
    )
  }
  const other = book.policies.values().find((one) => one.name === name)
  if (other !== undefined && other.id !== before?.id) {
    throw new ConsulError(400, `Invalid Policy: A Policy with Name "${name}" already exists`)
  }
  if (before === undefined && book.policies.size >= POLICIES_MAX) {
    throw new ConsulError(507, `There are ${POLICIES_MAX} policies already.`)
  }
}

function readRules(text: string): readonly Rule[] {
  try {
    return parseRules(text)
  } catch (error) {
    if (error instanceof RulesError) {
      throw new ConsulError(400, `Failed to parse ACL rules: ${error.message}`)
    }
    throw error
  }
}

async function remove(book: AclBook, store: AclStore, call: Call): Promise<Answer> {
  call.demand('acl', '', 'write')
  const id = call.rest
  if (id === MANAGEMENT.id) {
    throw new ConsulError(
      400,
      'Delete operation not permitted on the builtin global-management policy',
    )
  }
  return store.write((index) => {
    if (!book.policies.has(id)) return { changes: [], result: json(true) }
    // No token keeps the id of a policy that is gone.
    const tokens = [...book.tokens.values()].filter(({ policies }) => policies.includes(id))
    return {
      changes: [
        { kind: 'policy-gone', id },
        ...tokens.map((token) => ({
          kind: 'token' as const,
          token: {
            ...token,
            policies: token.policies.filter((one) => one !== id),
            modifyIndex: index,
          },
        })),
      ],
      result: json(true),
    }
  })
}

function summaryJson(policy: Policy): object {
  return {
    ID: policy.id,
    Name: policy.name,
    Description: policy.description,
    Hash: createHash('sha256').update(JSON.stringify(policy.rules)).digest('base64'),
    CreateIndex: policy.createIndex,
    ModifyIndex: policy.modifyIndex,
  }
}

function policyJson(policy: Policy): object {
  return { ...summaryJson(policy), Rules: policy.text }
}
