import type { Part, Scope } from '../capability.ts'
import type { Storage } from './storage.ts'

/** The file is open already, or will be soon; here it becomes part of what is released at the end. */
export async function keepStorage(
  opening: Promise<Storage>,
  _needs: object,
  scope: Scope,
): Promise<Part<Promise<Storage>, Storage>> {
  const storage = await opening
  scope.onStop(() => storage.close())
  return { api: storage }
}
