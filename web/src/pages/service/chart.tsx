import type { ReactNode } from 'react'
import { useEffect, useRef, useState } from 'react'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import type { Columns } from '../../feed/series.ts'
import { formatTime } from '../../format.ts'
import { onThemeChange } from '../../theme.ts'
import { chartOptions, type ChartSeries } from './chart-options.ts'

const HEIGHT = 150

/** One uPlot with a legend of our own that shows the values under the pointer, else the newest ones. */
export function Chart(props: {
  readonly title: string
  readonly testId: string
  readonly series: readonly ChartSeries[]
  readonly columns: Columns
  readonly format: (value: number) => string
}): ReactNode {
  const { series, columns, format } = props
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const latest = useRef(columns)
  const [pointed, setPointed] = useState<number | null>(null)
  const [theme, setTheme] = useState(0)
  latest.current = columns

  useEffect(() => onThemeChange(() => setTheme((count) => count + 1)), [])
  useEffect(() => {
    const element = box.current
    if (element === null) return undefined
    const options = chartOptions(element, series, format, setPointed, HEIGHT)
    const chart = new uPlot(options, latest.current as uPlot.AlignedData, element)
    plot.current = chart
    const resize = new ResizeObserver(() =>
      chart.setSize({ width: element.clientWidth, height: HEIGHT }),
    )
    resize.observe(element)
    return () => {
      resize.disconnect()
      chart.destroy()
      plot.current = null
    }
  }, [series, format, theme])
  useEffect(() => {
    // While a theme or a series changes, old columns may be one short: the new plot has the right ones already.
    if (plot.current?.series.length === columns.length)
      plot.current.setData(columns as uPlot.AlignedData)
  }, [columns])

  const shown = pointed ?? columns[0].length - 1
  const at = columns[0][shown]
  return (
    <section className="panel chart" aria-label={props.title} data-testid={props.testId}>
      <div className="panel-head">
        <h2>{props.title}</h2>
        <span className="muted time">
          {pointed !== null && at !== undefined ? formatTime(at * 1000) : 'now'}
        </span>
      </div>
      <ul className="legend">
        {series.map((one, index) => (
          <li key={one.label}>
            <span
              className="swatch"
              style={{ background: `var(${one.color})` }}
              aria-hidden="true"
            />
            {one.label}
            <b data-testid={`${props.testId}-${one.label}`}>
              {valueText(columns[index + 1]?.[shown], format)}
            </b>
          </li>
        ))}
        {series.length === 0 && <li className="muted">no caller yet</li>}
      </ul>
      <div ref={box} className="plot" style={{ height: HEIGHT }} />
    </section>
  )
}

function valueText(value: number | null | undefined, format: (value: number) => string): string {
  return value === null || value === undefined ? '–' : format(value)
}
