import type { Draft } from './draft.ts'
import { kvError } from './errors.ts'
import { ProblemError } from '../../platform/problem.ts'
import type { Entry, KvOp, OpOutcome, Session, TransactionOutcome } from './model.ts'

/** Longer delays are cut: Consul's bound. */
export const LOCK_DELAY_MS_MAX = 60_000

/** When, and under which number, something is done. */
export interface Moment {
  readonly index: number
  readonly nowMs: number
}

const NOTHING: OpOutcome = { isDone: true, entries: [] }

const refuse = (why: string): OpOutcome => ({ isDone: false, why })
const done = (...entries: readonly Entry[]): OpOutcome => ({ isDone: true, entries })
const quote = (text: string): string => JSON.stringify(text)

/** One operation. Throws `ProblemError` for a session that is not there; what Consul answers with false is an outcome. */
export function runOp(draft: Draft, op: KvOp, moment: Moment): OpOutcome {
  const existing = draft.entry(op.key)
  switch (op.verb) {
    case 'set':
      return set(draft, existing, op, moment)
    case 'cas':
      return (existing?.modifyIndex ?? 0) === op.index
        ? set(draft, existing, op, moment)
        : refuse(`failed to set key ${quote(op.key)}, index is stale`)
    case 'lock':
      return lock(draft, existing, op, moment)
    case 'unlock':
      return unlock(draft, existing, op, moment)
    case 'delete':
      if (existing !== undefined) draft.deleteEntry(op.key)
      return NOTHING
    case 'delete-cas':
      // A key that is not there is deleted already, whatever the index: as in Consul.
      if (existing === undefined) return NOTHING
      if (existing.modifyIndex !== op.index) {
        return refuse(`failed to delete key ${quote(op.key)}, index is stale`)
      }
      draft.deleteEntry(op.key)
      return NOTHING
    case 'delete-tree':
      deleteAll(draft, [...draft.list(op.key)])
      return NOTHING
    case 'get':
      return existing === undefined ? refuse(`key ${quote(op.key)} doesn't exist`) : done(existing)
    case 'get-or-empty':
      return done(existing ?? emptyEntry(op.key))
    case 'get-tree':
      return done(...draft.list(op.key))
    case 'check-index':
      return checkIndex(existing, op)
    case 'check-session':
      return checkSession(existing, op)
    case 'check-not-exists':
      return existing === undefined ? NOTHING : refuse(`key ${quote(op.key)} exists`)
  }
}

/** All operations, one after the other, or none: the draft is only to be merged where `isDone`. */
export function runTransaction(
  draft: Draft,
  ops: readonly KvOp[],
  moment: Moment,
): TransactionOutcome {
  const outcomes: (readonly Entry[])[] = []
  const errors: { readonly opIndex: number; readonly why: string }[] = []
  for (const [opIndex, op] of ops.entries()) {
    const outcome = attempt(draft, op, moment)
    if (outcome.isDone) outcomes.push(outcome.entries)
    else errors.push({ opIndex, why: outcome.why })
  }
  return errors.length === 0 ? { isDone: true, outcomes } : { isDone: false, errors }
}

/** Ends a session and does with its keys what it has asked for. False: it was not there. */
export function endSession(draft: Draft, id: string, { index, nowMs }: Moment): boolean {
  const session = draft.session(id)
  if (session === undefined) return false
  draft.deleteSession(id)
  const delayMs = Math.min(session.lockDelayMs, LOCK_DELAY_MS_MAX)
  const held = [...draft.heldBy(id)]
  for (const key of held) {
    const entry = draft.entry(key)
    if (entry === undefined) continue
    if (session.behavior === 'delete') draft.deleteEntry(key)
    else draft.putEntry({ ...entry, session: '', modifyIndex: index })
    if (delayMs > 0) draft.delay(key, nowMs + delayMs)
  }
  return true
}

/** Adds a session. Throws `ProblemError`. */
export function beginSession(draft: Draft, session: Session, sessionsMax: number): void {
  if (draft.sessionCount >= sessionsMax) {
    throw kvError(
      'ERR_KV_SESSIONS_FULL',
      `There are ${draft.sessionCount} sessions already (kv.sessions). Destroy some, or give them a TTL.`,
    )
  }
  draft.putSession(session)
}

function deleteAll(draft: Draft, entries: readonly Entry[]): void {
  for (const { key } of entries) draft.deleteEntry(key)
}

function attempt(draft: Draft, op: KvOp, moment: Moment): OpOutcome {
  try {
    return runOp(draft, op, moment)
  } catch (error) {
    if (error instanceof ProblemError) return refuse(error.message)
    throw error
  }
}

type WriteOp = Extract<KvOp, { readonly value: Buffer }>

/** Who writes the same again changes nothing, and wakes nobody. The lock stays with whoever holds it: locks are advisory. */
function set(draft: Draft, existing: Entry | undefined, op: WriteOp, moment: Moment): OpOutcome {
  return put(draft, existing, op, moment, {
    session: existing?.session ?? '',
    lockIndex: existing?.lockIndex ?? 0,
  })
}

function put(
  draft: Draft,
  existing: Entry | undefined,
  { key, value, flags }: WriteOp,
  { index }: Moment,
  held: Pick<Entry, 'session' | 'lockIndex'>,
): OpOutcome {
  const isSame =
    existing?.session === held.session &&
    existing.lockIndex === held.lockIndex &&
    existing.flags === flags &&
    existing.value.equals(value)
  if (isSame) return done(existing)
  const createIndex = existing?.createIndex ?? index
  const entry: Entry = { key, value, flags, createIndex, modifyIndex: index, ...held }
  draft.putEntry(entry)
  return done(entry)
}

function lock(
  draft: Draft,
  existing: Entry | undefined,
  op: WriteOp & { readonly session: string },
  moment: Moment,
): OpOutcome {
  if (op.session === '') throw kvError('ERR_KV_SESSION_INVALID', 'missing session')
  if (draft.session(op.session) === undefined) {
    throw kvError('ERR_KV_SESSION_INVALID', `invalid session ${quote(op.session)}`)
  }
  const holder = existing?.session ?? ''
  const lockIndex = existing?.lockIndex ?? 0
  if (holder === op.session) {
    return put(draft, existing, op, moment, { session: holder, lockIndex })
  }
  if (holder !== '') return refuse(`failed to lock key ${quote(op.key)}, lock is already held`)
  const untilMs = draft.delayedUntilMs(op.key)
  if (untilMs > moment.nowMs) {
    return refuse(`failed to lock key ${quote(op.key)} due to lock delay until ${untilMs}`)
  }
  if (untilMs > 0) draft.delay(op.key, 0)
  return put(draft, existing, op, moment, { session: op.session, lockIndex: lockIndex + 1 })
}

function unlock(
  draft: Draft,
  existing: Entry | undefined,
  op: WriteOp & { readonly session: string },
  moment: Moment,
): OpOutcome {
  if (op.session === '') throw kvError('ERR_KV_SESSION_INVALID', 'missing session')
  if (existing === undefined || existing.session !== op.session) {
    return refuse(
      `failed to unlock key ${quote(op.key)}, lock isn't held, or is held by another session`,
    )
  }
  return put(draft, existing, op, moment, { session: '', lockIndex: existing.lockIndex })
}

function checkIndex(
  existing: Entry | undefined,
  { key, index }: { readonly key: string; readonly index: number },
): OpOutcome {
  if (existing === undefined)
    return refuse(`failed to check index, key ${quote(key)} doesn't exist`)
  if (existing.modifyIndex === index) return done(existing)
  return refuse(
    `failed index check for key ${quote(key)}, current modify index ${existing.modifyIndex} != ${index}`,
  )
}

function checkSession(
  existing: Entry | undefined,
  { key, session }: { readonly key: string; readonly session: string },
): OpOutcome {
  if (existing === undefined) {
    return refuse(`failed to check session, key ${quote(key)} doesn't exist`)
  }
  if (existing.session === session) return done(existing)
  return refuse(
    `failed session check for key ${quote(key)}, current session ${quote(existing.session)} != ${quote(session)}`,
  )
}

function emptyEntry(key: string): Entry {
  const numbers = { createIndex: 0, modifyIndex: 0, lockIndex: 0, flags: 0n }
  return { key, value: Buffer.alloc(0), session: '', ...numbers }
}
