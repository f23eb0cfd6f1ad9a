import type { ReactNode } from 'react'
import type { Tone } from '../feed/views.ts'

const SHAPES: Record<Tone, ReactNode> = {
  good: <circle cx="5" cy="5" r="4" />,
  warning: <path d="M5 .8 9.6 9H.4z" />,
  bad: <path d="M1 1h8v8H1z" />,
  quiet: <circle cx="5" cy="5" r="3.2" fill="none" strokeWidth="1.6" stroke="currentColor" />,
}

/** A mark whose shape says the same as its colour. */
export function StateDot({ tone }: { readonly tone: Tone }): ReactNode {
  return (
    <svg className={`state-dot tone-${tone}`} viewBox="0 0 10 10" aria-hidden="true">
      {SHAPES[tone]}
    </svg>
  )
}

/** A state in words with its mark. */
export function StateBadge(props: {
  readonly tone: Tone
  readonly text: string
  readonly testId?: string
}): ReactNode {
  return (
    <span className={`badge tone-${props.tone}`} data-testid={props.testId}>
      <StateDot tone={props.tone} />
      {props.text}
    </span>
  )
}
