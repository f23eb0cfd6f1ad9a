import type { Kv } from '../kv/api.ts'
import type { Entry, KvOp } from '../kv/model.ts'
import { bytes, json, watched, type Answer, type Reply } from './answers.ts'
import { parseIndex, type Call } from './call.ts'
import { ConsulError } from './errors.ts'
import { permissionDenied, type Permissions } from './permissions.ts'
import type { Route } from './router.ts'

/** The largest value, as in Consul. */
export const VALUE_BYTES_MAX = 512 * 1024
/** A longer key is refused; Consul has the bound of its URLs. */
const KEY_LENGTH_MAX = 4 * 1024

/** `/v1/kv/`: https://developer.hashicorp.com/consul/api-docs/kv */
export function kvRoutes(kv: Kv): readonly Route[] {
  const path = '/v1/kv/'
  return [
    {
      methods: ['GET'],
      path,
      run: (call) => (call.has('keys') ? readKeys(kv, call) : read(kv, call)),
    },
    { methods: ['PUT'], path, run: (call) => put(kv, call), bodyBytesMax: VALUE_BYTES_MAX },
    { methods: ['DELETE'], path, run: (call) => remove(kv, call) },
  ]
}

/** An entry as clients know it. */
export function entryJson({ key, value, flags, ...entry }: Entry): object {
  return {
    LockIndex: entry.lockIndex,
    Key: key,
    // 64 bits: a number of JavaScript would not be exact.
    Flags: rawJson(String(flags)),
    Value: value.length === 0 ? null : value.toString('base64'),
    ...(entry.session === '' ? {} : { Session: entry.session }),
    CreateIndex: entry.createIndex,
    ModifyIndex: entry.modifyIndex,
  }
}

/** What the token may not read is left out. */
export function readable<One extends { readonly key: string }>(
  all: Iterable<One>,
  permissions: Permissions,
): readonly One[] {
  return [...all].filter(({ key }) => permissions.allows('key', key, 'read'))
}

/** Throws `ConsulError` 400. */
export function checkKey(key: string): string {
  if (key.includes('\0') || !key.isWellFormed()) {
    throw new ConsulError(400, 'Invalid key: it has a NUL, or half a character')
  }
  if (key.length > KEY_LENGTH_MAX) {
    throw new ConsulError(400, `Invalid key: longer than ${KEY_LENGTH_MAX} characters`)
  }
  return key
}

type RawJson = (text: string) => unknown
/** Node has it, the library of TypeScript does not know it yet. */
const { rawJSON: rawJson } = JSON as unknown as { readonly rawJSON: RawJson }

function read(kv: Kv, call: Call): Reply {
  const isRecursive = call.has('recurse')
  const key = checkKey(call.rest)
  if (!isRecursive && key === '') throw new ConsulError(400, 'Missing key name')
  if (isRecursive) {
    return watched(kv.prefix(key), () => {
      const entries = readable(kv.list(key), call.permissions)
      return entries.length === 0 ? missing() : json(entries.map(entryJson))
    })
  }
  return watched(kv.key(key), () => {
    call.demand('key', key, 'read')
    const entry = kv.entry(key)
    if (entry === undefined) return missing()
    return call.has('raw') ? rawValue(entry) : json([entryJson(entry)])
  })
}

/** A value may be anything: a browser must not run it. */
function rawValue({ value }: Entry): Answer {
  return bytes('text/plain', value, [['content-security-policy', 'sandbox']])
}

function missing(): Answer {
  return { status: 404, body: { kind: 'text', text: '' }, fields: [] }
}

function readKeys(kv: Kv, call: Call): Reply {
  const prefix = checkKey(call.rest)
  // Both spellings, as in Consul.
  const separator = call.query.get('separator') ?? call.query.get('seperator') ?? ''
  return watched(kv.prefix(prefix), () => {
    const keys = new Set<string>()
    for (const { key } of readable(kv.list(prefix), call.permissions)) {
      const at = separator === '' ? -1 : key.indexOf(separator, prefix.length)
      keys.add(at < 0 ? key : key.slice(0, at + separator.length))
    }
    return keys.size === 0 && prefix !== '' ? missing() : json([...keys])
  })
}

async function put(kv: Kv, call: Call): Promise<Answer> {
  const key = checkKey(call.rest)
  if (key === '') throw new ConsulError(400, 'Missing key name')
  refuseConflict(call, ['cas', 'acquire', 'release'])
  call.demand('key', key, 'write')
  const written = { key, value: call.body, flags: parseFlags(call) }
  return run(kv, opOfPut(call, written))
}

function opOfPut(
  call: Call,
  written: { readonly key: string; readonly value: Buffer; readonly flags: bigint },
): KvOp {
  if (call.has('acquire')) return { verb: 'lock', session: call.param('acquire'), ...written }
  if (call.has('release')) return { verb: 'unlock', session: call.param('release'), ...written }
  if (call.has('cas')) return { verb: 'cas', index: parseCas(call), ...written }
  return { verb: 'set', ...written }
}

async function remove(kv: Kv, call: Call): Promise<Answer> {
  const key = checkKey(call.rest)
  const isRecursive = call.has('recurse')
  refuseConflict(call, ['recurse', 'cas'])
  if (!isRecursive && key === '') throw new ConsulError(400, 'Missing key name')
  if (isRecursive) demandTree(call.permissions, key)
  else call.demand('key', key, 'write')
  if (isRecursive) return run(kv, { verb: 'delete-tree', key })
  if (call.has('cas')) return run(kv, { verb: 'delete-cas', key, index: parseCas(call) })
  return run(kv, { verb: 'delete', key })
}

/** A recursive delete asks for all below, also for keys that are not there yet. */
export function demandTree(permissions: Permissions, prefix: string): void {
  if (!permissions.allowsPrefixWrite(prefix)) {
    throw permissionDenied(permissions, 'key', prefix, 'write')
  }
}

async function run(kv: Kv, op: KvOp): Promise<Answer> {
  return json((await kv.run(op)).isDone)
}

function refuseConflict(call: Call, names: readonly string[]): void {
  if (names.filter((name) => call.has(name)).length < 2) return
  throw new ConsulError(400, `Conflicting flags: ${call.query.toString()}\n`)
}

function parseFlags(call: Call): bigint {
  const flags = call.query.get('flags') ?? '0'
  if (/^\d{1,20}$/.test(flags) && BigInt(flags) < 2n ** 64n) return BigInt(flags)
  throw new ConsulError(400, `Invalid flags: parsing ${JSON.stringify(flags)}: invalid syntax`)
}

function parseCas(call: Call): number {
  const cas = call.param('cas')
  return parseIndex(cas, `Invalid cas: parsing ${JSON.stringify(cas)}: invalid syntax`)
}
