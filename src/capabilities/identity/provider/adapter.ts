import { createHmac } from 'node:crypto'
import { errors, type Adapter, type AdapterPayload } from 'oidc-provider'
import type { ClientMetadata, ClientStore } from '../store/clients.ts'
import type { Entry, EntryStore, StoredEntry } from '../store/entries.ts'
import { hashOf, secretHashOf } from '../store/hash.ts'
import type { Vault } from '../keys/vault.ts'

/** What the adapters stand on. */
export interface AdapterGround {
  readonly entries: EntryStore
  readonly clients: ClientStore
  readonly nowMs: () => number
  /** A lost answer may be asked for again in this time. */
  readonly graceMs: () => number
  /** Makes the next refresh token of the last one. */
  readonly successorSecret: Uint8Array
  readonly vault: Vault
}

/** What can be used once: a second use within the grace is refused, a later one takes the whole grant along. */
const SINGLE_USE: ReadonlySet<string> = new Set([
  'AuthorizationCode',
  'DeviceCode',
  'PushedAuthorizationRequest',
])

/**
 * The refresh token that follows this one: always the same, so that who asks again with the old one, because the answer was lost, gets what he
 * would have got. Nobody without the secret can compute it.
 */
export function successorOf(secret: Uint8Array, token: string): string {
  return createHmac('sha256', secret).update('refresh token:').update(token).digest('base64url')
}

/** The store of one model of the server. Ids are stored as hashes, and taken out of what is stored. */
export function createAdapter(model: string, ground: AdapterGround): Adapter {
  return model === 'Client' ? createClientAdapter(ground) : createEntryAdapter(model, ground)
}

function createEntryAdapter(model: string, ground: AdapterGround): Adapter {
  const { entries, graceMs } = ground
  const read = async (entry: StoredEntry | undefined, id: string) =>
    entry === undefined ? undefined : payloadOf(entry, id, ground)
  return {
    async upsert(id, payload, expiresIn) {
      const entry = entryOf(model, id, payload, ground, expiresIn)
      const isStored = await (model === 'RefreshToken' ? entries.putNew(entry) : entries.put(entry))
      // A session that was ended meanwhile stays ended: the cookie of this answer opens nothing.
      if (!isStored && model !== 'Session') {
        throw new errors.InvalidGrant('the grant has been revoked')
      }
    },
    find: async (id) => read(await entries.find(model, hashOf(model, id)), id),
    async findByUid(uid) {
      const entry = await entries.findBy(model, 'uid', hashOf('uid', uid))
      return entry === undefined ? undefined : payloadOf(entry, idIn(entry, ground), ground)
    },
    async findByUserCode(userCode) {
      const entry = await entries.findBy(model, 'user_code', hashOf('userCode', userCode))
      return entry === undefined ? undefined : payloadOf(entry, idIn(entry, ground), ground)
    },
    async consume(id) {
      const rule =
        model === 'RefreshToken'
          ? {
              successor: hashOf(model, successorOf(ground.successorSecret, id)),
              graceMs: graceMs(),
            }
          : undefined
      const use = await entries.consume(model, hashOf(model, id), rule)
      if (use === 'first' || use === 'retry') return
      if (use === 'used' && model === 'RefreshToken') await revokeFamily(model, id, ground)
      throw model === 'PushedAuthorizationRequest'
        ? new errors.InvalidRequestUri('request_uri is invalid, expired, or was already used')
        : new errors.InvalidGrant('already used')
    },
    async destroy(id) {
      // A grant that goes takes along what hangs from it, and what is on its way.
      if (model === 'Grant') await entries.revokeGrant(hashOf('Grant', id))
      else await entries.remove(model, hashOf(model, id))
    },
    revokeByGrantId: (grantId) => entries.revokeGrant(hashOf('Grant', grantId)),
  }
}

async function revokeFamily(model: string, id: string, { entries }: AdapterGround): Promise<void> {
  const entry = await entries.find(model, hashOf(model, id))
  if (entry?.grantKey !== undefined) await entries.revokeGrant(entry.grantKey)
}

/**
 * Sessions and device codes are found by another name than their id, and interactions name both: these payloads hold ids, so they are sealed.
 * All others are plain, without their id.
 */
const SEALED: ReadonlySet<string> = new Set(['Session', 'DeviceCode', 'Interaction'])

/** The stored payload, with its id where it is a sealed one. Throws `VaultError`. */
export function readPayload(
  { kind, id, payload }: Pick<StoredEntry, 'kind' | 'id' | 'payload'>,
  vault: Vault,
): AdapterPayload {
  const text = SEALED.has(kind) ? vault.open(`${kind} ${id}`, payload) : payload
  return JSON.parse(text) as AdapterPayload
}

function idIn(entry: StoredEntry, { vault }: AdapterGround): string {
  return String(readPayload(entry, vault).jti ?? '')
}

function entryOf(
  model: string,
  id: string,
  payload: AdapterPayload,
  { nowMs, vault }: AdapterGround,
  expiresIn: number | undefined,
): Entry {
  const { jti: _jti, consumed: _consumed, ...rest } = payload
  const { grantId, accountId, clientId, uid, userCode } = rest
  const grantKey = model === 'Grant' ? id : grantId
  const hash = hashOf(model, id)
  return {
    kind: model,
    id: hash,
    payload: SEALED.has(model)
      ? vault.seal(`${model} ${hash}`, JSON.stringify({ ...rest, jti: id }))
      : JSON.stringify(rest),
    grantKey: grantKey === undefined ? undefined : hashOf('Grant', grantKey),
    account: accountId,
    client: clientId,
    uid: uid === undefined ? undefined : hashOf('uid', uid),
    userCode: userCode === undefined ? undefined : hashOf('userCode', userCode),
    expiresMs: typeof expiresIn === 'number' ? nowMs() + expiresIn * 1000 : undefined,
  }
}

async function payloadOf(
  entry: StoredEntry,
  id: string,
  { entries, nowMs, graceMs, vault }: AdapterGround,
): Promise<AdapterPayload | undefined> {
  const { kind, consumedMs } = entry
  const payload = { ...readPayload(entry, vault), jti: id }
  if (consumedMs === undefined) return payload
  const consumed = Math.floor(consumedMs / 1000)
  if (kind === 'RefreshToken') {
    return (await entries.mayRetry(entry, graceMs())) ? payload : { ...payload, consumed }
  }
  // Twice in a moment is a client that sends everything twice; later it is somebody else.
  const isTwice = SINGLE_USE.has(kind) && consumedMs > nowMs() - graceMs()
  return isTwice ? undefined : { ...payload, consumed }
}

function createClientAdapter({ clients, nowMs }: AdapterGround): Adapter {
  const never = async () => undefined
  return {
    async find(id) {
      return (await clients.find(id))?.metadata as AdapterPayload | undefined
    },
    async upsert(id, payload) {
      const metadata = payload as unknown as ClientMetadata
      const secret = metadata['client_secret']
      // A change of a client brings the stored hash along: it is no secret to be hashed again.
      const isHashed = secret === (await clients.find(id))?.metadata['client_secret']
      const isStored = await clients.put({
        id,
        metadata:
          typeof secret === 'string' && !isHashed
            ? { ...metadata, client_secret: secretHashOf(secret) }
            : metadata,
        source: 'registration',
        createdMs: nowMs(),
      })
      if (!isStored) {
        throw new errors.InvalidRequest('there are too many clients; an operator must remove some')
      }
    },
    async destroy(id) {
      await clients.remove(id)
    },
    findByUid: never,
    findByUserCode: never,
    consume: never,
    revokeByGrantId: never,
  }
}
