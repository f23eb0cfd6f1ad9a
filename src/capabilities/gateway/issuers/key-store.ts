import { isJwsAlgorithm, type VerificationKey } from '../../../mechanisms/jwt/algorithms.ts'
import type { Storage } from '../../../platform/storage/storage.ts'

/** The last keys of an issuer, and when it told them. */
export interface KeptKeys {
  /** Whose they are: an issuer of the same name and another place has none. */
  readonly issuer: string
  readonly keys: readonly VerificationKey[]
  /** Unix milliseconds. */
  readonly fetchedAtMs: number
}

/** Where keys are kept over restarts: an issuer that is away just then must not close the gateway. Secrets are never in here. */
export interface KeyStore {
  load(): Promise<ReadonlyMap<string, KeptKeys>>
  save(name: string, kept: KeptKeys): Promise<void>
  forget(name: string): Promise<void>
}

const migrations = [
  `CREATE TABLE issuer_keys (
     name TEXT PRIMARY KEY,
     issuer TEXT NOT NULL,
     keys TEXT NOT NULL,
     fetched_at_ms INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID`,
]

/** Durable in control's storage. */
export async function openKeyStore(storage: Storage): Promise<KeyStore> {
  await storage.migrate('gateway-issuers', migrations)
  return {
    async load() {
      const rows = await storage.read('SELECT name, issuer, keys, fetched_at_ms FROM issuer_keys')
      return new Map(
        rows.map((row) => [
          String(row['name']),
          {
            issuer: String(row['issuer']),
            keys: readKeys(String(row['keys'])),
            fetchedAtMs: Number(row['fetched_at_ms']),
          },
        ]),
      )
    },
    async save(name, { issuer, keys, fetchedAtMs }) {
      const sql = 'INSERT OR REPLACE INTO issuer_keys VALUES (?, ?, ?, ?)'
      await storage.write([{ sql, params: [name, issuer, JSON.stringify(keys), fetchedAtMs] }])
    },
    async forget(name) {
      await storage.write([{ sql: 'DELETE FROM issuer_keys WHERE name = ?', params: [name] }])
    },
  }
}

/** Our own writing, perhaps of another version: what is not understood is not used. */
function readKeys(text: string): readonly VerificationKey[] {
  const list = JSON.parse(text) as readonly VerificationKey[]
  return list.filter(({ alg }) => isJwsAlgorithm(alg))
}
