import type { ReactNode } from 'react'
import { RANGES } from './ranges.ts'

/** How far back a page looks; a part that was zoomed into is shown as such. */
export function RangePicker(props: {
  readonly range: string
  readonly onPick: (range: string) => void
}): ReactNode {
  return (
    <div className="segmented push-right" role="group" aria-label="Time">
      {RANGES.map(([name]) => (
        <button
          key={name}
          type="button"
          aria-pressed={name === props.range}
          onClick={() => props.onPick(name)}
        >
          {name}
        </button>
      ))}
      {/^\d+-\d+$/.test(props.range) && (
        <button type="button" aria-pressed data-testid="range-zoomed">
          zoomed
        </button>
      )}
    </div>
  )
}
