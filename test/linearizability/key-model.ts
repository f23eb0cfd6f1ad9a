import type { Model } from './checker.ts'

/** What clients do to one key. `destroy` ends a session, whichever key it holds. */
export type KeyOp =
  | { readonly kind: 'get' }
  | { readonly kind: 'put'; readonly value: string }
  | { readonly kind: 'delete' }
  | { readonly kind: 'cas'; readonly value: string; readonly index: number }
  | {
      readonly kind: 'acquire' | 'release'
      readonly value: string
      readonly session: string
    }
  | { readonly kind: 'destroy'; readonly session: string }

/** What they are answered. */
export type KeyResult =
  | { readonly kind: 'done'; readonly isDone: boolean }
  /** There is no such session. */
  | { readonly kind: 'invalid' }
  | { readonly kind: 'missing' }
  | {
      readonly kind: 'found'
      readonly value: string
      readonly index: number
      readonly session: string
      readonly lockIndex: number
    }

interface KeyState {
  /** Undefined: there is no such key. */
  readonly value: string | undefined
  readonly session: string
  readonly lockIndex: number
  /** Of its last change, as far as somebody has seen it. */
  readonly index: number | undefined
  /** Every later index is greater. */
  readonly above: number
  /** Sessions that have ended. */
  readonly over: readonly string[]
}

/** One key of Consul's store, whose values are all different, with sessions without a lock delay. */
export const keyModel: Model<KeyState, KeyOp, KeyResult> = {
  first: {
    value: undefined,
    session: '',
    lockIndex: 0,
    index: undefined,
    above: 0,
    over: [],
  },
  key: (state) => JSON.stringify(state),
  step(state, op, result) {
    switch (op.kind) {
      case 'get':
        return result === undefined ? state : look(state, result)
      case 'put':
        return answers(result, true) ? write(state, op.value, {}) : undefined
      case 'delete':
        return answers(result, true) ? remove(state) : undefined
      case 'cas':
        return compareAndSet(state, op, result)
      case 'acquire':
        return acquire(state, op, result)
      case 'release':
        return release(state, op, result)
      case 'destroy':
        return answers(result, true) ? destroy(state, op.session) : undefined
    }
  },
}

function answers(result: KeyResult | undefined, isDone: boolean): boolean {
  return result === undefined || (result.kind === 'done' && result.isDone === isDone)
}

function look(state: KeyState, result: KeyResult): KeyState | undefined {
  if (result.kind === 'missing') return state.value === undefined ? state : undefined
  if (result.kind !== 'found') return undefined
  const isSame =
    state.value === result.value &&
    state.session === result.session &&
    state.lockIndex === result.lockIndex
  return isSame ? withIndex(state, result.index) : undefined
}

/** What is seen first of an index is believed, if it is greater than all before; from then on it is the one. */
function withIndex(state: KeyState, index: number): KeyState | undefined {
  if (state.index !== undefined) return state.index === index ? state : undefined
  return index > state.above ? { ...state, index, above: index } : undefined
}

function write(
  state: KeyState,
  value: string,
  held: { readonly session?: string; readonly lockIndex?: number },
): KeyState {
  return { ...state, ...held, value, index: undefined }
}

function remove(state: KeyState): KeyState {
  return { ...state, value: undefined, session: '', lockIndex: 0, index: undefined }
}

function compareAndSet(
  state: KeyState,
  { value, index }: { readonly value: string; readonly index: number },
  result: KeyResult | undefined,
): KeyState | undefined {
  const known = state.value === undefined ? undefined : withIndex(state, index)
  const fits = index === 0 ? (state.value === undefined ? state : undefined) : known
  if (result === undefined) return fits === undefined ? state : write(fits, value, {})
  if (answers(result, true)) return fits && write(fits, value, {})
  // Refused: it must not have been this index.
  const isRefusable = index === 0 ? state.value !== undefined : state.index !== index
  return answers(result, false) && isRefusable ? state : undefined
}

type LockOp = { readonly value: string; readonly session: string }

function acquire(
  state: KeyState,
  { value, session }: LockOp,
  result: KeyResult | undefined,
): KeyState | undefined {
  const isOver = state.over.includes(session)
  if (isOver) return result === undefined || result.kind === 'invalid' ? state : undefined
  const isFree = state.session === '' || state.session === session
  if (!isFree) return answers(result, false) ? state : undefined
  if (!answers(result, true)) return undefined
  const lockIndex = state.session === session ? state.lockIndex : state.lockIndex + 1
  return write(state, value, { session, lockIndex })
}

function release(
  state: KeyState,
  { value, session }: LockOp,
  result: KeyResult | undefined,
): KeyState | undefined {
  const isHeld = state.value !== undefined && state.session === session
  if (!answers(result, isHeld)) return undefined
  return isHeld ? write(state, value, { session: '' }) : state
}

function destroy(state: KeyState, session: string): KeyState {
  const over = [...state.over, session].toSorted()
  if (state.session !== session) return { ...state, over }
  return { ...state, over, session: '', index: undefined }
}
