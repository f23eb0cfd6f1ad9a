import type { Clock, Log } from '../../../platform/capability.ts'
import type { IdentityState } from '../../../contracts/identity-state.ts'
import { orderKeys, planKeys, type KeyPolicy } from './key-plan.ts'
import type { KeyStore, StoredKey } from './key-store.ts'

/** Another node may have rotated, a machine may have slept: it is looked at so often at least. */
const LOOK_MS = 60_000

/** After a rotation by hand the new key signs so much later: until then everybody who verifies has heard of it. */
const ROTATE_LEAD_MS = 1_000

/** Keeps keys coming and going in time. */
export interface KeyKeeper {
  /** In the order of `orderKeys`. */
  keys(): readonly StoredKey[]
  setPolicy(state: IdentityState): Promise<void>
  /** New keys sign in a second; the old ones verify until nothing of theirs is valid. */
  rotate(): Promise<void>
  /** Looks what is due. Never throws: what fails is logged and tried again. */
  look(): Promise<void>
  close(): void
}

/** @param changed the keys or their order are other ones. */
export function createKeyKeeper(
  store: KeyStore,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
  changed: () => void,
): KeyKeeper {
  let policy: KeyPolicy | undefined
  let keys: readonly StoredKey[] = []
  let cancel = (): void => {}
  let turn = Promise.resolve()

  async function lookNow(wanted: KeyPolicy): Promise<void> {
    const plan = planKeys(await store.list(), clock.nowMs(), wanted)
    for (const { alg, ...times } of plan.add) await store.add(alg, times)
    await store.remove(plan.remove)
    const stored = await store.list()
    const nowMs = clock.nowMs()
    const next = orderKeys(stored, nowMs, wanted.algs)
    const isOther = next.map(({ kid }) => kid).join() !== keys.map(({ kid }) => kid).join()
    keys = next
    const { nextMs } = planKeys(stored, nowMs, wanted)
    cancel()
    cancel = clock.after(Math.min(LOOK_MS, nextMs - nowMs), () => void keeper.look())
    if (isOther) changed()
  }

  const keeper: KeyKeeper = {
    keys: () => keys,
    async setPolicy(state) {
      policy = policyOf(state)
      await inTurn(() => lookNow(policyOf(state)))
    },
    rotate: () =>
      inTurn(async () => {
        if (policy === undefined) return
        const untilMs = clock.nowMs() + ROTATE_LEAD_MS
        for (const { kid, signsUntilMs } of await store.list()) {
          if (signsUntilMs > untilMs) await store.retire(kid, untilMs, untilMs + policy.keptMs)
        }
        await lookNow(policy)
      }),
    look: () =>
      inTurn(async () => {
        try {
          if (policy !== undefined) await lookNow(policy)
        } catch (error) {
          log('error', 'signing keys cannot be looked after', { error })
          cancel()
          cancel = clock.after(LOOK_MS, () => void keeper.look())
        }
      }),
    close() {
      policy = undefined
      cancel()
    },
  }

  /** One after the other: a rotation by hand and one in time do not mix. */
  async function inTurn(work: () => Promise<void>): Promise<void> {
    const done = turn.then(work)
    turn = done.catch(() => {})
    return done
  }

  return keeper
}

function policyOf({ keys, lifetimes, resources }: IdentityState): KeyPolicy {
  const { accessTokenMs, idTokenMs } = lifetimes
  return {
    algs: keys.algs,
    rotationMs: keys.rotationMs,
    overlapMs: keys.overlapMs,
    keptMs:
      2 * Math.max(accessTokenMs, idTokenMs, ...resources.map(({ lifetimeMs = 0 }) => lifetimeMs)),
  }
}
