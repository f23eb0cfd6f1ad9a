import type { ReactNode } from 'react'
import { useEffect, useState } from 'react'
import type { CodeEntry } from '../docs.ts'
import { findCode } from '../docs.ts'

/** What one reason or error code means, from the documentation that this console was built with. */
export function CodePage({ code }: { readonly code: string }): ReactNode {
  const [entry, setEntry] = useState<CodeEntry | null | 'loading'>('loading')
  useEffect(() => {
    let isHere = true
    const show = (found: CodeEntry | null): void => {
      if (isHere) setEntry(found)
    }
    findCode(code).then(show, () => show(null))
    return () => {
      isHere = false
    }
  }, [code])
  return (
    <article className="panel prose" aria-busy={entry === 'loading'}>
      <h1 className="mono">{code}</h1>
      {entry === null && (
        <p data-testid="code-unknown">No entry of the documentation explains this code.</p>
      )}
      {entry !== null && entry !== 'loading' && (
        <div data-testid="code-text">
          {entry.paragraphs.map((paragraph) => (
            <p key={paragraph}>{paragraph}</p>
          ))}
        </div>
      )}
      <p>
        <button type="button" className="button" onClick={() => window.history.back()}>
          Back
        </button>
      </p>
    </article>
  )
}
