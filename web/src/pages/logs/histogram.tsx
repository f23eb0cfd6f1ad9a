import type { PointerEvent, ReactNode } from 'react'
import { useState } from 'react'
import type { Histogram as Counts, LogSearch } from '../../api/logs.ts'
import { formatCount, formatTime } from '../../format.ts'

const WIDTH = 1_000
const HEIGHT = 80
/** Drawn from below: what is worst stands on top. */
const ORDER = ['', 'trace', 'debug', 'info', 'unset', 'ok', 'warn', 'error', 'fatal']

/** How many there are over time, by level; a stretch that is dragged over becomes the time that is asked for. */
export function Histogram(props: {
  readonly counts: Counts
  readonly search: LogSearch
  readonly onRange: (from: number, to: number) => void
}): ReactNode {
  const { counts, search, onRange } = props
  const [brush, setBrush] = useState<readonly [from: number, to: number] | null>(null)
  const span = Math.max(1, search.to - search.from)
  const at = (ms: number): number => ((ms - search.from) / span) * WIDTH
  const bars = stack(counts)
  const highest = Math.max(1, ...bars.map(({ base, count }) => base + count))
  const width = Math.max(1, (counts.bucketUs / 1_000 / span) * WIDTH - 1)
  const msOf = (event: PointerEvent<SVGSVGElement>): number => {
    const box = event.currentTarget.getBoundingClientRect()
    const ratio = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width))
    return Math.round(search.from + ratio * span)
  }
  const total = counts.counts.reduce((sum, [, , count]) => sum + count, 0)
  return (
    <figure className="log-histogram">
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${total} records over time`}
        data-testid="log-histogram"
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId)
          const ms = msOf(event)
          setBrush([ms, ms])
        }}
        onPointerMove={(event) => {
          if (brush !== null) setBrush([brush[0], msOf(event)])
        }}
        onPointerUp={() => {
          if (brush === null) return
          const [from, to] = brush[0] < brush[1] ? brush : [brush[1], brush[0]]
          setBrush(null)
          // A click is no stretch.
          if (to - from > span / 200) onRange(from, to)
        }}
      >
        {bars.map(({ time, name, base, count }) => (
          <rect
            key={`${time} ${name}`}
            className={`level-bar level-${name || 'none'}`}
            x={at(time)}
            y={HEIGHT - ((base + count) / highest) * HEIGHT}
            width={width}
            height={(count / highest) * HEIGHT}
          >
            <title>{`${formatTime(time)} ${name || 'no level'}: ${count}`}</title>
          </rect>
        ))}
        {brush !== null && (
          <rect
            className="log-brush"
            x={at(Math.min(...brush))}
            y={0}
            width={Math.abs(at(brush[1]) - at(brush[0]))}
            height={HEIGHT}
          />
        )}
      </svg>
      <figcaption>
        <span>{formatTime(search.from)}</span>
        <span data-testid="log-total">
          {formatCount(total)} {total === 1 ? 'record' : 'records'}
        </span>
        <span>{formatTime(search.to)}</span>
      </figcaption>
    </figure>
  )
}

interface Bar {
  readonly time: number
  readonly name: string
  readonly base: number
  readonly count: number
}

function stack({ counts }: Counts): readonly Bar[] {
  const bases = new Map<number, number>()
  return counts
    .toSorted((a, b) => ORDER.indexOf(a[1]) - ORDER.indexOf(b[1]))
    .map(([us, name, count]) => {
      const base = bases.get(us) ?? 0
      bases.set(us, base + count)
      return { time: us / 1_000, name, base, count }
    })
}
