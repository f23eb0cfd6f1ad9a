import type { ReactNode } from 'react'
import { useEffect, useRef, useState } from 'react'
import { toastError } from './toasts.tsx'

/** Asks before something is done. The browser's own modal dialog: Esc closes it, focus stays inside and returns. */
export function ConfirmDialog(props: {
  readonly title: string
  readonly children: ReactNode
  readonly confirmText: string
  readonly isDangerous: boolean
  readonly isConfirmable?: boolean
  readonly onConfirm: () => Promise<void>
  readonly onClose: () => void
}): ReactNode {
  const dialog = useRef<HTMLDialogElement>(null)
  const [isBusy, setIsBusy] = useState(false)
  useEffect(() => {
    const element = dialog.current
    element?.showModal()
    return () => element?.close()
  }, [])
  const confirm = async (): Promise<void> => {
    setIsBusy(true)
    try {
      await props.onConfirm()
    } catch (error) {
      toastError(error)
    }
    props.onClose()
  }
  return (
    <dialog
      ref={dialog}
      className="dialog"
      aria-labelledby="dialog-title"
      onClose={props.onClose}
      data-testid="dialog"
    >
      <form
        method="dialog"
        onSubmit={(event) => {
          event.preventDefault()
          if (!isBusy && props.isConfirmable !== false) void confirm()
        }}
      >
        <h2 id="dialog-title">{props.title}</h2>
        <div className="dialog-body" data-testid="dialog-text">
          {props.children}
        </div>
        <div className="dialog-actions">
          <button
            type="button"
            className="button"
            onClick={props.onClose}
            data-testid="dialog-cancel"
          >
            Cancel
          </button>
          <button
            type="submit"
            className={props.isDangerous ? 'button danger' : 'button primary'}
            disabled={isBusy || props.isConfirmable === false}
            data-testid="dialog-confirm"
          >
            {props.confirmText}
          </button>
        </div>
      </form>
    </dialog>
  )
}
