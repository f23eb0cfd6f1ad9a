import type { Part, Scope } from '../../platform/capability.ts'
import type { Storage } from '../../platform/storage/storage.ts'
import { registerKvRoutes } from './admin.ts'
import type { Kv, NodeHealth } from './api.ts'
import { Committer } from './committer.ts'
import { kvMetrics, kvProblems } from './console.ts'
import type { Draft } from './draft.ts'
import { kvError } from './errors.ts'
import type { KvOp, TransactionOutcome } from './model.ts'
import { runOp, runTransaction } from './operations.ts'
import { createSessions } from './sessions.ts'
import type { KvSettings } from './settings.ts'
import { State, type Changes } from './state.ts'
import { openKvStore } from './store.ts'
import { Tombstones } from './tombstones.ts'
import { KvWatchers } from './watchers.ts'

/** What it stands on. */
export interface KvNeeds {
  readonly storage: Storage
  readonly health: NodeHealth
}

/** Nothing is wrong with the keys, and nothing of them is done. */
const REFUSED = { isDone: false, errors: [] } as const

/** Between two looks for lock delays that are over. */
const SWEEP_MS = 60_000

/** Keys, sessions and locks: in memory for reading, on disk before anything is acknowledged. */
export async function startKv(
  first: KvSettings,
  { storage, health }: KvNeeds,
  scope: Scope,
): Promise<Part<KvSettings, Kv>> {
  let settings = first
  const store = await openKvStore(storage, scope)
  const loaded = await store.load()
  const state = new State()
  state.apply(loaded)
  // Who waits for a first change knows the index 1: the first change must be beyond it.
  let newest = Math.max(loaded.index, 1)
  const tombstones = new Tombstones(newest)
  const watchers = new KvWatchers(state, tombstones, () => newest)
  const committer = new Committer({
    state,
    index: () => newest,
    store: (changes, index) => store.write(changes, index),
    apply(changes, index) {
      state.apply(changes)
      newest = index
      bury(tombstones, changes, index)
      watchers.tell(changes.entries.keys(), changes.sessions.size > 0, index)
    },
    nowMs: () => scope.clock.nowMs(),
  })
  scope.onStop(() => committer.settled())
  const sessions = createSessions({
    scope,
    state,
    committer,
    health,
    sessionsMax: () => settings.sessions,
  })
  scope.onStop(scope.clock.every(SWEEP_MS, () => sweepDelays(state, committer, scope)))

  const api: Kv = {
    ...sessions,
    entry: (key) => state.entry(key),
    list: (prefix) => state.list(prefix),
    key: (key) => watchers.key(key),
    prefix: (prefix) => watchers.prefix(prefix),
    watchSessions: () => watchers.sessions(),
    run: (op) =>
      committer.submit(bytesOf([op]), (draft, moment) => {
        const before = draft.bytes
        const result = runOp(draft, op, moment)
        refuseFull(draft, before, settings.size)
        return { isKept: result.isDone, result }
      }),
    transact: (ops, decide) =>
      committer.submit<TransactionOutcome>(bytesOf(ops), (draft, moment) => {
        const before = draft.bytes
        const own = runTransaction(draft, ops, moment)
        const guest = decide?.()
        const result = guest === 'refused' && own.isDone ? REFUSED : own
        if (!result.isDone) return { isKept: false, result }
        refuseFull(draft, before, settings.size)
        if (guest !== undefined && guest !== 'refused') draft.guests.push(guest)
        return { isKept: true, result }
      }),
    counts: () => ({
      keys: state.keyCount,
      bytes: state.bytes,
      sessions: state.sessionCount,
      watchers: watchers.count,
    }),
  }
  return {
    api,
    prepare: (next) => ({ commit: () => void (settings = next) }),
    routes: [(app) => registerKvRoutes(app, api)],
    metrics: () => kvMetrics(api),
    problems: () => kvProblems(api, settings, store.setAside),
  }
}

function bytesOf(ops: readonly KvOp[]): number {
  return ops.reduce((sum, op) => sum + ('value' in op ? op.value.length : 0) + op.key.length, 0)
}

/** What makes it smaller is always taken. */
function refuseFull(draft: Draft, bytesBefore: number, bytesMax: number): void {
  if (draft.bytes <= bytesMax || draft.bytes <= bytesBefore) return
  throw kvError(
    'ERR_KV_FULL',
    `Keys and values would have ${draft.bytes} bytes, kv.size is ${bytesMax}. Delete some, or raise it.`,
  )
}

function bury(tombstones: Tombstones, { entries }: Changes, index: number): void {
  for (const [key, entry] of entries) {
    if (entry === undefined) tombstones.bury(key, index)
    else tombstones.revive(key)
  }
}

function sweepDelays(state: State, committer: Committer, { log }: Scope): void {
  if (state.delays()[Symbol.iterator]().next().done === true) return
  const swept = committer.submit(0, (draft, { nowMs }) => {
    for (const [key, untilMs] of state.delays()) if (untilMs <= nowMs) draft.delay(key, 0)
    return { isKept: true, result: undefined }
  })
  swept.catch((error: unknown) => log('warn', 'lock delays could not be swept', { error }))
}
