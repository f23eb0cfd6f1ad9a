import type { Scope } from '../../platform/capability.ts'
import { storageProblemOf } from '../../platform/storage/errors.ts'
import type { Override, OverrideStore } from './needs.ts'

/** What was changed at run time, in memory and stored. */
export interface Overrides {
  of(service: string): Override | undefined
  /** Resolves when it is stored; throws `ProblemError` where it cannot be. One after the other: each builds on the one before. */
  change(service: string, next: Partial<Override>): Promise<void>
}

/** Reads what was stored. `check` is called before each change, in its turn, and may throw; `changed` after it, in the same turn. */
export async function loadOverrides(
  store: OverrideStore,
  scope: Pick<Scope, 'clock' | 'log'>,
  check: (service: string) => void,
  changed: (service: string) => void,
): Promise<Overrides> {
  const overrides = new Map((await store.load(scope)).map((one) => [one.service, one]))
  let changing: Promise<void> = Promise.resolve()

  async function changeNow(service: string, next: Partial<Override>): Promise<void> {
    check(service)
    const before = overrides.get(service) ?? { service, instances: undefined, isStopped: false }
    const override = { ...before, ...next }
    await store.save(override).catch((error: unknown) => {
      throw storageProblemOf(error)
    })
    if (override.instances === undefined && !override.isStopped) overrides.delete(service)
    else overrides.set(service, override)
    changed(service)
  }

  return {
    of: (service) => overrides.get(service),
    change(service, next) {
      const done = changing.then(() => changeNow(service, next))
      changing = done.catch(() => {})
      return done
    },
  }
}
