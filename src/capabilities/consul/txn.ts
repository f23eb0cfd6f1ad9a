import type { Kv } from '../kv/api.ts'
import type { Entry, KvOp } from '../kv/model.ts'
import { json, type Answer } from './answers.ts'
import type { Call } from './call.ts'
import { ConsulError } from './errors.ts'
import { JsonFields, parseJson } from './json-fields.ts'
import { checkKey, entryJson, VALUE_BYTES_MAX } from './kv.ts'
import { permissionDenied, type Access, type Permissions } from './permissions.ts'
import type { Route } from './router.ts'

/** Operations of one transaction, as in Consul. */
export const TRANSACTION_OPS_MAX = 64
/** 64 values of 512 KiB would fit into no commit: Consul bounds the body as a whole. */
const BODY_BYTES_MAX = 1024 * 1024

/** `/v1/txn`: https://developer.hashicorp.com/consul/api-docs/txn */
export function txnRoutes(kv: Kv): readonly Route[] {
  return [
    {
      methods: ['PUT'],
      path: '/v1/txn',
      run: (call) => transact(kv, call),
      bodyBytesMax: BODY_BYTES_MAX,
    },
  ]
}

async function transact(kv: Kv, call: Call): Promise<Answer> {
  const ops = parseOps(call.body)
  const refused = refusals(ops, call.permissions)
  if (refused.length > 0) return conflict(refused)
  const outcome = await kv.transact(ops)
  if (!outcome.isDone) {
    return conflict(outcome.errors.map(({ opIndex, why }) => ({ OpIndex: opIndex, What: why })))
  }
  const { permissions } = call
  const results = outcome.outcomes.flatMap((entries, at) =>
    entries
      .filter(({ key }) => ops[at]?.verb !== 'get-tree' || permissions.allows('key', key, 'read'))
      .map((entry) => ({ KV: resultJson(ops[at], entry) })),
  )
  return json({ Results: results, Errors: null }, 200, [
    ['x-consul-knownleader', 'true'],
    ['x-consul-lastcontact', '0'],
  ])
}

/** Only what was asked for by reading has its value. */
function resultJson(op: KvOp | undefined, entry: Entry): object {
  const isRead = op?.verb === 'get' || op?.verb === 'get-or-empty' || op?.verb === 'get-tree'
  return entryJson(isRead ? entry : { ...entry, value: Buffer.alloc(0) })
}

interface TxnError {
  readonly OpIndex: number
  readonly What: string
}

function conflict(errors: readonly TxnError[]): Answer {
  return json({ Results: null, Errors: errors }, 409)
}

function refusals(ops: readonly KvOp[], permissions: Permissions): readonly TxnError[] {
  return ops.flatMap((op, OpIndex) => {
    const access = accessOf(op)
    const isAllowed = mayRun(op, access, permissions)
    return isAllowed
      ? []
      : [{ OpIndex, What: permissionDenied(permissions, 'key', op.key, access).message }]
  })
}

/** What may not be read of a tree is left out; deleting one asks for all below. */
function mayRun(op: KvOp, access: Access, permissions: Permissions): boolean {
  if (op.verb === 'get-tree') return true
  if (op.verb === 'delete-tree') return permissions.allowsPrefixWrite(op.key)
  return permissions.allows('key', op.key, access)
}

function accessOf({ verb }: KvOp): Access {
  switch (verb) {
    case 'set':
    case 'cas':
    case 'lock':
    case 'unlock':
    case 'delete':
    case 'delete-cas':
    case 'delete-tree':
      return 'write'
    case 'get':
    case 'get-tree':
    case 'get-or-empty':
    case 'check-index':
    case 'check-session':
    case 'check-not-exists':
      return 'read'
  }
}

function parseOps(body: Buffer): readonly KvOp[] {
  const list = parseJson(body)
  if (!Array.isArray(list)) {
    throw new ConsulError(400, 'Failed to parse body: it must be a list of operations')
  }
  if (list.length > TRANSACTION_OPS_MAX) {
    throw new ConsulError(
      413,
      `Transaction contains too many operations (${list.length} > ${TRANSACTION_OPS_MAX})`,
    )
  }
  return list.map((one, index) => parseOp(JsonFields.of(one, `operation ${index}`)))
}

function parseOp(fields: JsonFields): KvOp {
  const kv = fields.object('KV')
  if (kv !== undefined) return parseKvOp(kv)
  for (const name of ['Node', 'Service', 'Check', 'Session', 'Intention']) {
    if (!fields.has(name)) continue
    throw new ConsulError(
      501,
      `${name} operations in transactions: not offered by Backplane; register by /v1/agent or /v1/catalog.`,
    )
  }
  throw new ConsulError(400, 'Failed to parse body: an operation has no KV')
}

function parseKvOp(fields: JsonFields): KvOp {
  const verb = fields.text('Verb')
  const key = checkKey(fields.text('Key'))
  switch (verb) {
    case 'set':
      return { verb, ...valueOf(fields, key) }
    case 'cas':
      return { verb, ...valueOf(fields, key), index: indexOf(fields) }
    case 'lock':
    case 'unlock':
      return { verb, ...valueOf(fields, key), session: fields.text('Session') }
    case 'delete-cas':
    case 'check-index':
      return { verb, key, index: indexOf(fields) }
    case 'check-session':
      return { verb, key, session: fields.text('Session') }
    case 'delete':
    case 'delete-tree':
    case 'get':
    case 'get-or-empty':
    case 'get-tree':
    case 'check-not-exists':
      return { verb, key }
    default:
      throw new ConsulError(400, `Failed to parse body: unknown KV verb ${JSON.stringify(verb)}`)
  }
}

function indexOf(fields: JsonFields): number {
  const index = fields.integer('Index')
  if (index < 0) throw new ConsulError(400, 'Failed to parse body: Index is negative')
  return index
}

function valueOf(
  fields: JsonFields,
  key: string,
): { readonly key: string; readonly value: Buffer; readonly flags: bigint } {
  const text = fields.text('Value')
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) {
    throw new ConsulError(400, 'Failed to parse body: failed to decode value: it is not base64')
  }
  const value = Buffer.from(text, 'base64')
  if (value.length > VALUE_BYTES_MAX) {
    throw new ConsulError(
      413,
      `Value for key ${JSON.stringify(key)} is too large (${value.length} > ${VALUE_BYTES_MAX} bytes)`,
    )
  }
  return { key, value, flags: flagsOf(fields) }
}

function flagsOf(fields: JsonFields): bigint {
  const flags = fields.raw('Flags') ?? 0
  const isWhole = typeof flags === 'bigint' || Number.isSafeInteger(flags)
  const exact = isWhole ? BigInt(flags as bigint | number) : -1n
  if (exact >= 0n && exact < 2n ** 64n) return exact
  throw new ConsulError(400, 'Failed to parse body: Flags must be a number from 0 to 2^64 - 1')
}
