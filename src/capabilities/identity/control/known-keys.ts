import type { IdentityReport } from '../../../contracts/identity-state.ts'
import type { Storage } from '../../../platform/storage/storage.ts'

const migrations = ['CREATE TABLE identity_known (report TEXT NOT NULL) STRICT']

/** The public keys that identity has told last: a control plane that starts tells them to the gateway before identity is there. */
export interface KnownKeys {
  readonly last: IdentityReport | undefined
  /** Undefined: there is no issuer any more. */
  save(report: IdentityReport | undefined): Promise<void>
}

/** Throws `StorageError`. */
export async function openKnownKeys(
  storage: Pick<Storage, 'migrate' | 'read' | 'write'>,
): Promise<KnownKeys> {
  await storage.migrate('identity', migrations)
  const [row] = await storage.read('SELECT report FROM identity_known')
  return {
    last: row === undefined ? undefined : (JSON.parse(String(row['report'])) as IdentityReport),
    async save(report) {
      await storage.write([
        { sql: 'DELETE FROM identity_known' },
        ...(report === undefined
          ? []
          : [
              {
                sql: 'INSERT INTO identity_known VALUES (?)',
                params: [JSON.stringify(report)],
              },
            ]),
      ])
    },
  }
}
