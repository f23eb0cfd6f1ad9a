import type { ReactNode } from 'react'
import { useCallback, useEffect, useState } from 'react'
import { ActionError } from '../../api/actions.ts'
import type { KeyEntry } from '../../api/keys.ts'
import { deleteKey, loadKey, setKey } from '../../api/keys.ts'
import { openRoute } from '../../route.ts'
import { ConfirmDialog } from '../../ui/dialog.tsx'
import { toastDone, toastError } from '../../ui/toasts.tsx'

/** What is edited: a key as it was read, or one that is not there yet. */
type Edited = KeyEntry | 'missing'

/** One key to read and change: written only if nobody has changed it since it was read. */
export function KeyEditor({ name }: { readonly name: string }): ReactNode {
  const [edited, setEdited] = useState<Edited | null>(null)
  const [text, setText] = useState('')
  const [isDeleting, setIsDeleting] = useState(false)
  const show = useCallback((next: Edited): void => {
    setEdited(next)
    setText(next === 'missing' || next.encoding !== 'utf8' ? '' : next.value)
  }, [])
  const read = useCallback((): void => {
    loadKey(name).then(show, (error: unknown) => {
      if (error instanceof ActionError && error.status === 404) show('missing')
      else toastError(error)
    })
  }, [name, show])
  useEffect(read, [read])
  if (edited === null) return <div className="skeleton skeleton-row" aria-busy="true" />
  const index = edited === 'missing' ? 0 : edited.modifyIndex
  const save = (): void => {
    setKey(name, text, index).then((saved) => {
      show(saved)
      toastDone(`Saved ${name}`)
    }, toastError)
  }
  return (
    <section className="panel key-editor" aria-labelledby="key-heading">
      <div className="panel-head">
        <h2 id="key-heading" className="mono">
          {name}
        </h2>
        <span className="muted" data-testid="key-state">
          {edited === 'missing' ? 'not there yet' : `changed at index ${index}`}
        </span>
      </div>
      <Value edited={edited} text={text} change={setText} />
      <div className="panel-actions">
        <button
          type="button"
          className="button primary"
          onClick={save}
          disabled={edited !== 'missing' && edited.encoding !== 'utf8'}
          data-testid="key-save"
        >
          {edited === 'missing' ? 'Create' : 'Save if unchanged'}
        </button>
        <button type="button" className="button" onClick={read} data-testid="key-read">
          Read again
        </button>
        {edited !== 'missing' && (
          <button
            type="button"
            className="button quiet-danger push-right"
            onClick={() => setIsDeleting(true)}
            data-testid="key-delete"
          >
            Delete…
          </button>
        )}
      </div>
      {isDeleting && (
        <ConfirmDialog
          title={`Delete ${name}?`}
          confirmText="Delete"
          isDangerous
          onClose={() => setIsDeleting(false)}
          onConfirm={async () => {
            await deleteKey(name, index)
            toastDone(`Deleted ${name}`)
            openRoute({ page: 'keys', path: name.slice(0, name.lastIndexOf('/') + 1) })
          }}
        >
          <p>
            Whoever watches the key hears of it. If somebody has changed it since, nothing is done.
          </p>
        </ConfirmDialog>
      )}
    </section>
  )
}

function Value(props: {
  readonly edited: Edited
  readonly text: string
  readonly change: (text: string) => void
}): ReactNode {
  const { edited } = props
  if (edited !== 'missing' && edited.encoding === 'base64') {
    return (
      <div className="note">
        <p>These {edited.bytes} bytes are no text; they are shown as base64 and not edited here.</p>
        <pre className="mono key-bytes">{edited.value}</pre>
      </div>
    )
  }
  return (
    <textarea
      className="text-input mono key-value"
      aria-label="Value"
      value={props.text}
      spellCheck={false}
      rows={Math.min(Math.max(props.text.split('\n').length + 1, 4), 24)}
      onChange={(event) => props.change(event.target.value)}
      data-testid="key-value"
    />
  )
}
