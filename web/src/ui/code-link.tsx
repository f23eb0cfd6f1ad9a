import type { ReactNode } from 'react'
import { hrefOf } from '../route.ts'

/** A reason or error code that leads to its explanation. */
export function CodeLink({ code }: { readonly code: string }): ReactNode {
  if (code === '') return null
  return (
    <a className="code-link" href={hrefOf({ page: 'code', code })} title={`What ${code} means`}>
      {code}
    </a>
  )
}
