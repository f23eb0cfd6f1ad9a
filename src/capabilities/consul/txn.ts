import type { CatalogDraft } from '../discovery/catalog-draft.ts'
import type { Kv } from '../kv/api.ts'
import type { Entry, KvOp } from '../kv/model.ts'
import { json, type Answer } from './answers.ts'
import type { Call } from './call.ts'
import type { World } from './catalog-world.ts'
import { ConsulError } from './errors.ts'
import { JsonFields, parseJson } from './json-fields.ts'
import { checkKey, entryJson, VALUE_BYTES_MAX } from './kv.ts'
import { permissionDenied, type Access, type Permissions } from './permissions.ts'
import type { Route } from './router.ts'
import { parseCatalogOp, type CatalogOp } from './txn-catalog.ts'

/** Operations of one transaction, as in Consul. */
export const TRANSACTION_OPS_MAX = 64
/** 64 values of 512 KiB would fit into no commit: Consul bounds the body as a whole. */
const BODY_BYTES_MAX = 1024 * 1024

/** `/v1/txn`: https://developer.hashicorp.com/consul/api-docs/txn */
export function txnRoutes(kv: Kv, world: World): readonly Route[] {
  return [
    {
      methods: ['PUT'],
      path: '/v1/txn',
      run: (call) => transact(kv, world, call),
      bodyBytesMax: BODY_BYTES_MAX,
    },
  ]
}

type Op = { readonly kv: KvOp } | { readonly catalog: CatalogOp }

async function transact(kv: Kv, world: World, call: Call): Promise<Answer> {
  const ops = parseOps(world, call)
  const refused = ops.flatMap((op, OpIndex) => {
    const What = 'kv' in op ? refusalOf(op.kv, call.permissions) : op.catalog.refusal(call)
    return What === undefined ? [] : [{ OpIndex, What }]
  })
  if (refused.length > 0) return conflict(refused)
  const { outcomes, errors } = await run(kv, world, ops)
  if (errors.length > 0) return conflict(errors)
  const { permissions } = call
  const results = ops.flatMap((op, at) => {
    if ('catalog' in op) return op.catalog.result() ?? []
    return (outcomes.get(at) ?? [])
      .filter(({ key }) => op.kv.verb !== 'get-tree' || permissions.allows('key', key, 'read'))
      .map((entry) => ({ KV: resultJson(op.kv, entry) }))
  })
  return json({ Results: results, Errors: null }, 200, [
    ['x-consul-knownleader', 'true'],
    ['x-consul-lastcontact', '0'],
  ])
}

/** All operations at one moment of both keys and catalog, or none. Answers when the gateway has what it may route. */
async function run(
  kv: Kv,
  { discovery }: World,
  ops: readonly Op[],
): Promise<{
  readonly outcomes: ReadonlyMap<number, readonly Entry[]>
  readonly errors: readonly TxnError[]
}> {
  const keys = ops.flatMap((op, at) => ('kv' in op ? [{ at, op: op.kv }] : []))
  const others = ops.flatMap((op, OpIndex) =>
    'catalog' in op ? [{ OpIndex, op: op.catalog }] : [],
  )
  const onKeys = keys.map(({ op }) => op)
  const errors: TxnError[] = []
  const decide = (draft: CatalogDraft) => {
    for (const { OpIndex, op } of others) {
      const What = orRefused(() => op.decide(draft))
      if (What !== undefined) errors.push({ OpIndex, What })
    }
    if (errors.length > 0) return 'refused'
    try {
      return draft.plan()
    } catch (error) {
      // Only all of it together is beyond a limit.
      errors.push({ OpIndex: others[0]?.OpIndex ?? 0, What: refusedWords(error) })
      return 'refused'
    }
  }
  const outcome =
    others.length === 0
      ? await kv.transact(onKeys)
      : await discovery.transaction((draft) => kv.transact(onKeys, () => decide(draft)))
  if (!outcome.isDone) {
    const ofKeys = outcome.errors.map(({ opIndex, why }) => ({
      OpIndex: keys[opIndex]?.at ?? 0,
      What: why,
    }))
    const all = [...ofKeys, ...errors].toSorted((a, b) => a.OpIndex - b.OpIndex)
    return { outcomes: new Map(), errors: all }
  }
  if (others.length > 0) await discovery.applied()
  return { outcomes: new Map(keys.map(({ at }, nth) => [at, outcome.outcomes[nth] ?? []])), errors }
}

/** What the registry refuses (a limit, an id that is somebody else's) is the answer of the operation. */
function orRefused(decide: () => string | undefined): string | undefined {
  try {
    return decide()
  } catch (error) {
    return refusedWords(error)
  }
}

function refusedWords(error: unknown): string {
  if (error instanceof Error && 'statusCode' in error) return error.message
  throw error
}

/** Only what was asked for by reading has its value. */
function resultJson({ verb }: KvOp, entry: Entry): object {
  const isRead = verb === 'get' || verb === 'get-or-empty' || verb === 'get-tree'
  return entryJson(isRead ? entry : { ...entry, value: Buffer.alloc(0) })
}

interface TxnError {
  readonly OpIndex: number
  readonly What: string
}

function conflict(errors: readonly TxnError[]): Answer {
  return json({ Results: null, Errors: errors }, 409)
}

function refusalOf(op: KvOp, permissions: Permissions): string | undefined {
  const access = accessOf(op)
  if (mayRun(op, access, permissions)) return undefined
  return permissionDenied(permissions, 'key', op.key, access).message
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

function parseOps(world: World, { body, address }: Call): readonly Op[] {
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
  return list.map((one, index) => parseOp(world, JsonFields.of(one, `operation ${index}`), address))
}

function parseOp(world: World, fields: JsonFields, client: string): Op {
  const kv = fields.object('KV')
  if (kv !== undefined) return { kv: parseKvOp(kv) }
  const catalog = parseCatalogOp(world, fields, client)
  if (catalog !== undefined) return { catalog }
  for (const name of ['Session', 'Intention']) {
    if (!fields.has(name)) continue
    throw new ConsulError(501, `${name} operations in transactions: not offered by Backplane.`)
  }
  throw new ConsulError(400, 'Failed to parse body: an operation has no KV, Node, Service or Check')
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
