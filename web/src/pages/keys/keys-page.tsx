import type { ReactNode } from 'react'
import { useCallback, useState } from 'react'
import type { KeyList, KeySummary } from '../../api/keys.ts'
import { loadKeys } from '../../api/keys.ts'
import { formatBytes, formatNoun } from '../../format.ts'
import { hrefOf, openRoute } from '../../route.ts'
import { KeyEditor } from './key-editor.tsx'
import { SessionsPanel } from './sessions-panel.tsx'
import { useLatest } from './use-latest.ts'

/** Keys by folders, one of them to edit, and who holds locks. `path` ends with a slash where it is a folder. */
export function KeysPage({ path }: { readonly path: string }): ReactNode {
  const folder = path.slice(0, path.lastIndexOf('/') + 1)
  const isKey = path !== folder
  return (
    <>
      <h1 className="hidden-text">Keys and locks</h1>
      <FolderPanel folder={folder} chosen={path} />
      {isKey && <KeyEditor key={path} name={path} />}
      <SessionsPanel />
    </>
  )
}

function FolderPanel(props: { readonly folder: string; readonly chosen: string }): ReactNode {
  const { folder } = props
  const [list] = useLatest(useCallback(() => loadKeys(folder), [folder]))
  return (
    <section className="panel" aria-labelledby="keys-heading">
      <div className="panel-head">
        <h2 id="keys-heading">Keys</h2>
        <Crumbs folder={folder} />
        <NewKey folder={folder} />
      </div>
      {list === null ? (
        <div className="skeleton skeleton-row" aria-busy="true" />
      ) : (
        <FolderTable list={list} chosen={props.chosen} />
      )}
    </section>
  )
}

function Crumbs({ folder }: { readonly folder: string }): ReactNode {
  const parts = folder.split('/').slice(0, -1)
  return (
    <nav className="crumbs mono" aria-label="Folder">
      <a href={hrefOf({ page: 'keys', path: '' })}>all</a>
      {parts.map((part, at) => {
        const path = `${parts.slice(0, at + 1).join('/')}/`
        return (
          <span key={path}>
            {' / '}
            <a href={hrefOf({ page: 'keys', path })}>{part === '' ? '(empty)' : part}</a>
          </span>
        )
      })}
    </nav>
  )
}

/** Opens the editor of a key that may not be there yet. */
function NewKey({ folder }: { readonly folder: string }): ReactNode {
  const [name, setName] = useState('')
  return (
    <form
      className="new-key push-right"
      onSubmit={(event) => {
        event.preventDefault()
        if (name !== '' && !name.endsWith('/')) openRoute({ page: 'keys', path: folder + name })
        setName('')
      }}
    >
      <input
        className="text-input mono"
        aria-label={`Key below ${folder || 'all'}`}
        placeholder="new/key"
        value={name}
        maxLength={1_000}
        onChange={(event) => setName(event.target.value)}
        data-testid="key-name"
      />
      <button type="submit" className="button small" data-testid="key-open">
        Open
      </button>
    </form>
  )
}

function FolderTable(props: { readonly list: KeyList; readonly chosen: string }): ReactNode {
  const { folders, keys, isComplete, prefix } = props.list
  if (folders.length + keys.length === 0) {
    return (
      <p className="empty" data-testid="keys-empty">
        {prefix === ''
          ? 'No key yet. Services set some by the Consul API, and you can by the field above.'
          : 'Nothing below this folder.'}
      </p>
    )
  }
  return (
    <>
      <table className="table cards">
        <thead>
          <tr>
            <th scope="col">Key</th>
            <th scope="col" className="number">
              Size
            </th>
            <th scope="col" className="number">
              Changed at index
            </th>
            <th scope="col">Lock</th>
          </tr>
        </thead>
        <tbody>
          {folders.map(({ folder, count }) => (
            <tr key={folder}>
              <th scope="row" className="mono" data-label="Key">
                <a href={hrefOf({ page: 'keys', path: folder })}>{folder.slice(prefix.length)}</a>
              </th>
              <td className="muted" colSpan={3} data-label="Holds">
                {formatNoun(count, 'key')}
              </td>
            </tr>
          ))}
          {keys.map((one) => (
            <KeyRow
              key={one.key}
              summary={one}
              prefix={prefix}
              isChosen={one.key === props.chosen}
            />
          ))}
        </tbody>
      </table>
      {!isComplete && <p className="note">There are more: open a folder, or a key by its name.</p>}
    </>
  )
}

function KeyRow(props: {
  readonly summary: KeySummary
  readonly prefix: string
  readonly isChosen: boolean
}): ReactNode {
  const { key, bytes, modifyIndex, session, lockIndex } = props.summary
  return (
    <tr aria-current={props.isChosen ? 'true' : undefined} data-testid={`key-${key}`}>
      <th scope="row" className="mono" data-label="Key">
        <a href={hrefOf({ page: 'keys', path: key })}>
          {key.slice(props.prefix.length) || '(empty)'}
        </a>
      </th>
      <td className="number" data-label="Size">
        {formatBytes(bytes)}
      </td>
      <td className="number" data-label="Changed at index">
        {modifyIndex}
      </td>
      <td data-label="Lock">
        {session === '' ? (
          <span className="muted">
            {lockIndex === 0 ? 'never' : `free, taken ${formatNoun(lockIndex, 'time')}`}
          </span>
        ) : (
          <span className="mono" title={session}>
            held by {session.slice(0, 8)} (lock index {lockIndex})
          </span>
        )}
      </td>
    </tr>
  )
}
