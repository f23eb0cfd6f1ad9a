import type { DatabaseSync } from 'node:sqlite'

/** Names that are kept in memory; which of more they are changes. */
const KEPT_MAX = 50_000

/** Names of types and categories as numbers. One for the writer: what a group that failed had added must be forgotten by `clear`. */
export class NameBook {
  readonly #kept = new Map<string, number>()
  readonly #find
  readonly #insert

  constructor(sqlite: DatabaseSync) {
    this.#find = sqlite.prepare('SELECT id FROM names WHERE name = ?')
    this.#insert = sqlite.prepare('INSERT INTO names (name) VALUES (?)')
  }

  /** The number of a name, which it has from now on. 0 for ''. */
  idOf(name: string): number {
    if (name === '') return 0
    const kept = this.#kept.get(name)
    if (kept !== undefined) return kept
    const found = this.#find.get(name)
    const id =
      found === undefined ? Number(this.#insert.run(name).lastInsertRowid) : Number(found['id'])
    if (this.#kept.size >= KEPT_MAX) this.#kept.clear()
    this.#kept.set(name, id)
    return id
  }

  clear(): void {
    this.#kept.clear()
  }
}
