import { isDeepStrictEqual } from 'node:util'
import { listLeaves } from './effective.ts'
import { valueAt } from './issues.ts'
import type { LoadedConfig } from './load.ts'
import { formatPath } from './problems.ts'

/** One setting that differs. What is not set is undefined; a secret is `***` on both sides. */
export interface SettingDifference {
  /** `services.orders.resilience.timeout`. */
  readonly path: string
  readonly before: unknown
  readonly after: unknown
}

/** What a reload changes, by path in the order of the new file, then what is gone. A changed secret is told, never shown. */
export function diffSettings(
  before: LoadedConfig<unknown>,
  after: LoadedConfig<unknown>,
): readonly SettingDifference[] {
  const shownBefore = before.effective()
  const shownAfter = after.effective()
  const paths = new Map(
    [...listLeaves(shownAfter), ...listLeaves(shownBefore)].map(({ path }) => [
      formatPath(path),
      path,
    ]),
  )
  const differences: SettingDifference[] = []
  for (const [text, path] of paths) {
    const isSame =
      isDeepStrictEqual(valueAt(shownBefore, path), valueAt(shownAfter, path)) &&
      isDeepStrictEqual(valueAt(before.settings, path), valueAt(after.settings, path))
    if (isSame) continue
    const [shownOld, shownNew] = [valueAt(shownBefore, path), valueAt(shownAfter, path)]
    // An empty map or list that got entries: the entries themselves are told.
    if (isBranch(shownOld) || isBranch(shownNew)) continue
    differences.push({ path: text, before: shownOld, after: shownNew })
  }
  return differences
}

function isBranch(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length > 0
}
