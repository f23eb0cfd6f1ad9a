import type { SqlRow } from '../../../platform/storage/messages.ts'
import type { Ledger } from '../engines/ledger.ts'

/** Clients that are not in the file: at most so many. */
export const STORED_CLIENTS_MAX = 10_000

/** RFC 7591 metadata, with `client_secret` as its hash. */
export type ClientMetadata = Readonly<Record<string, unknown>> & { readonly client_id: string }

/** A client that was made by the command or the API, or registered itself. */
export interface StoredClient {
  readonly id: string
  readonly metadata: ClientMetadata
  readonly source: 'command' | 'registration'
  readonly createdMs: number
}

/** Clients that are not in the file. */
export interface ClientStore {
  find(id: string): Promise<StoredClient | undefined>
  list(): Promise<readonly StoredClient[]>
  /** False where there is one with this id. */
  add(client: StoredClient): Promise<boolean>
  /** Stores or replaces; false where there are too many. */
  put(client: StoredClient): Promise<boolean>
  remove(id: string): Promise<boolean>
}

const INSERT = 'INSERT INTO identity_clients (id, metadata, source, created_ms) VALUES (?, ?, ?, ?)'

/** Stands on either engine. */
export function createClientStore(ledger: Ledger): ClientStore {
  const params = ({ id, metadata, source, createdMs }: StoredClient) => [
    id,
    JSON.stringify(metadata),
    source,
    createdMs,
  ]
  const roomFor = (id: string) => ({
    sql: `SELECT 1 AS full_up WHERE (SELECT count(*) FROM identity_clients WHERE id <> ?) >= ${STORED_CLIENTS_MAX}`,
    params: [id],
    expects: 0,
  })
  return {
    async find(id) {
      const [row] = await ledger.read('SELECT * FROM identity_clients WHERE id = ?', [id])
      return row === undefined ? undefined : clientOf(row)
    },
    async list() {
      const rows = await ledger.read('SELECT * FROM identity_clients ORDER BY id LIMIT 10000')
      return rows.map(clientOf)
    },
    async add(client) {
      const outcome = await ledger.commit([
        roomFor(client.id),
        { sql: INSERT, params: params(client) },
      ])
      return outcome.outcome === 'committed'
    },
    async put(client) {
      const outcome = await ledger.commit([
        roomFor(client.id),
        {
          sql: `${INSERT} ON CONFLICT (id) DO UPDATE SET metadata = excluded.metadata`,
          params: params(client),
        },
      ])
      return outcome.outcome === 'committed'
    },
    async remove(id) {
      const outcome = await ledger.commit([
        { sql: 'DELETE FROM identity_clients WHERE id = ?', params: [id], expects: 1 },
        // What it holds goes with it.
        { sql: 'DELETE FROM identity_entries WHERE client = ?', params: [id] },
      ])
      return outcome.outcome === 'committed'
    },
  }
}

function clientOf(row: SqlRow): StoredClient {
  return {
    id: String(row['id']),
    metadata: JSON.parse(String(row['metadata'])) as ClientMetadata,
    source: String(row['source']) as StoredClient['source'],
    createdMs: Number(row['created_ms']),
  }
}
