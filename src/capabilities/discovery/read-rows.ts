import type { BadRow, SetAside } from '../../platform/storage/set-aside.ts'
import type { Storage } from '../../platform/storage/storage.ts'

type Row = BadRow['row']

/** Gives every row of a table to `take`, page by page. What it throws at is set aside and told. */
export async function readStoredRows(
  { storage, setAside }: { readonly storage: Storage; readonly setAside: SetAside },
  table: string,
  key: readonly string[],
  take: (row: Row) => void,
): Promise<void> {
  const scan = {
    sql: `SELECT * FROM ${table} WHERE (${key.join(', ')}) > (${key.map(() => '?').join(', ')}) ORDER BY ${key.join(', ')}`,
    key: [...key],
    after: key.map(() => ''),
  }
  for await (const rows of storage.scan(scan)) {
    const bad: BadRow[] = []
    for (const row of rows) {
      try {
        take(row)
      } catch (error) {
        bad.push({ row, why: error instanceof Error ? error.message : String(error) })
      }
    }
    if (bad.length > 0) await setAside.move(table, scan.key, bad)
  }
}
