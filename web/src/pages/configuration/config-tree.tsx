import type { ReactNode } from 'react'
import { useMemo, useState } from 'react'
import type { ConfigView } from '../../api/actions.ts'
import { onlyFromFiles, searchLines, toLines } from './tree.ts'

/** The configuration as YAML, each value with its line of the file. */
export function ConfigTree({ config }: { readonly config: ConfigView }): ReactNode {
  const [onlyFiles, setOnlyFiles] = useState(true)
  const [text, setText] = useState('')
  const all = useMemo(() => toLines(config.effective, config.sources), [config])
  const lines = searchLines(onlyFiles ? onlyFromFiles(all) : all, text)
  const changed = new Map(
    config.overrides.map((one) => [`services.${one.service}.${one.setting}`, String(one.value)]),
  )
  return (
    <>
      <div className="tree-tools">
        <div className="segmented" role="group" aria-label="Which settings">
          <button
            type="button"
            aria-pressed={onlyFiles}
            data-testid="config-from-file"
            onClick={() => setOnlyFiles(true)}
          >
            From the file
          </button>
          <button
            type="button"
            aria-pressed={!onlyFiles}
            data-testid="config-all"
            onClick={() => setOnlyFiles(false)}
          >
            With defaults
          </button>
        </div>
        <input
          type="search"
          placeholder="Find a setting"
          aria-label="Find a setting"
          data-testid="config-search"
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
      </div>
      <div className="tree mono" role="list" aria-label="Settings" data-testid="config-tree">
        {lines.map((line) => {
          const override = changed.get(line.path)
          return (
            <div
              key={line.path}
              role="listitem"
              className={override === undefined ? 'tree-line' : 'tree-line is-changed'}
              style={{ paddingInlineStart: `${line.depth * 1.4 + 0.9}em` }}
            >
              <span className="tree-key">{line.key === '-' ? '-' : `${line.key}:`}</span>{' '}
              {override === undefined ? (
                <span className="tree-value">{line.value}</span>
              ) : (
                <span className="difference">
                  <del>{line.value}</del> <ins>{override}</ins>
                </span>
              )}
              {line.isLeaf && <span className="source">{line.source || 'default'}</span>}
            </div>
          )
        })}
        {lines.length === 0 && <p className="empty">No setting matches.</p>}
      </div>
    </>
  )
}
