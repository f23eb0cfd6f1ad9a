import type { ReactNode } from 'react'

const WIDTH = 100
const HEIGHT = 24

/** The last values as a line without axes; the newest at the right edge, also when there are fewer than `count`. */
export function Sparkline(props: {
  readonly values: readonly number[]
  readonly count: number
}): ReactNode {
  const max = Math.max(1e-9, ...props.values)
  const step = WIDTH / Math.max(1, props.count - 1)
  const first = WIDTH - step * (props.values.length - 1)
  const points = props.values.map(
    (value, index) =>
      `${(first + index * step).toFixed(1)},${(HEIGHT - 1.5 - (value / max) * (HEIGHT - 4)).toFixed(1)}`,
  )
  const line = points.join(' ')
  return (
    <svg
      className="sparkline"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      {points.length > 1 && (
        <>
          <polygon points={`${first.toFixed(1)},${HEIGHT} ${line} ${WIDTH},${HEIGHT}`} />
          <polyline points={line} />
        </>
      )}
    </svg>
  )
}
