import type { ReactNode } from 'react'
import { useSyncExternalStore } from 'react'
import { ActionError } from '../api/actions.ts'

interface Toast {
  readonly id: number
  readonly tone: 'good' | 'bad'
  readonly code: string
  readonly text: string
}

const TOASTS_MAX = 4
const GOOD_SHOWN_MS = 5_000

let toasts: readonly Toast[] = []
let lastId = 0
const listeners = new Set<() => void>()

function publish(next: readonly Toast[]): void {
  toasts = next
  for (const listener of listeners) listener()
}

function dismiss(id: number): void {
  publish(toasts.filter((toast) => toast.id !== id))
}

/** Says that something was done; goes away by itself. */
export function toastDone(text: string): void {
  lastId += 1
  const id = lastId
  publish([...toasts, { id, tone: 'good' as const, code: '', text }].slice(-TOASTS_MAX))
  setTimeout(() => dismiss(id), GOOD_SHOWN_MS)
}

/** Says what was refused, with its code; stays until it is dismissed. */
export function toastError(error: unknown): void {
  lastId += 1
  const code = error instanceof ActionError ? error.code : 'UNEXPECTED'
  const text = error instanceof Error ? error.message : String(error)
  publish([...toasts, { id: lastId, tone: 'bad' as const, code, text }].slice(-TOASTS_MAX))
}

/** The corner where they are shown. */
export function Toasts(): ReactNode {
  const shown = useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => toasts,
  )
  return (
    <div className="toasts" role="log" aria-live="polite" aria-label="Messages">
      {shown.map((toast) => (
        <div
          key={toast.id}
          className={`toast tone-${toast.tone}`}
          data-testid={`toast-${toast.tone}`}
        >
          <div>
            {toast.code !== '' && <code>{toast.code}</code>}
            <p>{toast.text}</p>
          </div>
          <button
            type="button"
            className="icon-button"
            aria-label="Dismiss message"
            onClick={() => dismiss(toast.id)}
          >
            ×
          </button>
        </div>
      ))}
    </div>
  )
}
