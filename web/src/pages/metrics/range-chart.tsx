import type { ReactNode } from 'react'
import { useEffect, useRef, useState } from 'react'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import type { RangeSeries } from '../../api/metrics.ts'
import { onThemeChange } from '../../theme.ts'

/** Series that are drawn; more are told. */
export const SERIES_SHOWN_MAX = 20
const COLORS = 6

/** What a chart shows. */
export interface RangeChartProps {
  readonly series: readonly RangeSeries[]
  readonly nameOf: (series: RangeSeries) => string
  readonly format: (value: number) => string
  readonly height: number
  /** The time axis has all of it, wherever there are values. Seconds. */
  readonly times: { readonly fromS: number; readonly toS: number }
  readonly testId: string
  /** A part was drawn over: seconds. */
  readonly onZoom: (fromS: number, toS: number) => void
}

/** Series over time; the legend has the values under the pointer, which all charts of a page share, and drawing over a part zooms into it. */
export function RangeChart(props: RangeChartProps): ReactNode {
  const { height, testId } = props
  const series = props.series.slice(0, SERIES_SHOWN_MAX)
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const [theme, setTheme] = useState(0)
  const [pointed, setPointed] = useState<number | null>(null)
  const latest = useRef(props)
  latest.current = props
  useEffect(() => onThemeChange(() => setTheme((count) => count + 1)), [])
  const data = columnsOf(series)
  useEffect(() => {
    const element = box.current
    if (element === null) return undefined
    const options = optionsOf(element, series.length, latest, setPointed)
    const chart = new uPlot(options, data as uPlot.AlignedData, element)
    plot.current = chart
    const resize = new ResizeObserver(() => chart.setSize({ width: element.clientWidth, height }))
    resize.observe(element)
    return () => {
      resize.disconnect()
      chart.destroy()
      plot.current = null
    }
  }, [series.length, theme, height])
  useEffect(() => {
    // New values of the same series: what somebody draws over stays.
    if (plot.current?.series.length === data.length) plot.current.setData(data as uPlot.AlignedData)
  }, [props.series, props.times])
  const at = pointed ?? data[0].length - 1
  return (
    <>
      <div ref={box} className="plot" style={{ height }} data-testid={testId} />
      <ul className="legend">
        {series.map((one, index) => (
          <li key={JSON.stringify(one.metric)}>
            <span className="swatch" style={{ background: `var(${colorOf(index)})` }} aria-hidden />
            {props.nameOf(one)}
            <b data-testid={`${testId}-value`}>{textOf(data[index + 1]?.[at], props.format)}</b>
          </li>
        ))}
      </ul>
      {props.series.length > series.length && (
        <p className="note">{props.series.length - series.length} further series are not drawn.</p>
      )}
    </>
  )
}

function colorOf(index: number): string {
  return `--series-${(index % COLORS) + 1}`
}

function textOf(value: number | null | undefined, format: (value: number) => string): string {
  return value === null || value === undefined ? '–' : format(value)
}

/** Columns with one row for each time that any series has. */
function columnsOf(series: readonly RangeSeries[]): [number[], ...(number | null)[][]] {
  const times = [...new Set(series.flatMap(({ values }) => values.map(([time]) => time)))]
  times.sort((one, other) => one - other)
  const columns = series.map(({ values }) => {
    const known = new Map(values.map(([time, text]) => [time, Number(text)]))
    return times.map((time) => {
      const value = known.get(time)
      return value === undefined || !Number.isFinite(value) ? null : value
    })
  })
  return [times, ...columns]
}

function optionsOf(
  element: HTMLElement,
  count: number,
  latest: { readonly current: RangeChartProps },
  onPoint: (index: number | null) => void,
): uPlot.Options {
  const color = (token: string): string => resolveColor(element, token)
  const font = `11px ${getComputedStyle(element).fontFamily}`
  const axis = { stroke: color('--text-muted'), font, ticks: { show: false } }
  const grid = { stroke: color('--line'), width: 1 }
  return {
    width: Math.max(120, element.clientWidth),
    height: latest.current.height,
    legend: { show: false },
    padding: [8, 8, 0, 0],
    cursor: { y: false, drag: { x: true, y: false, setScale: false }, sync: { key: 'metrics' } },
    hooks: {
      setCursor: [(plot) => onPoint(plot.cursor.idx ?? null)],
      setSelect: [
        (plot) => {
          const { left, width } = plot.select
          if (width < 4) return
          const [from, to] = [plot.posToVal(left, 'x'), plot.posToVal(left + width, 'x')]
          latest.current.onZoom(Math.floor(from), Math.ceil(to))
        },
      ],
    },
    scales: {
      x: {
        time: true,
        range: () => [latest.current.times.fromS, latest.current.times.toS],
      },
      y: { range: (_plot, min, max) => rangeOf(min, max) },
    },
    axes: [
      {
        ...axis,
        size: 26,
        space: 90,
        grid: { show: false },
        values: (_plot, splits) => splits.map((split) => timeText(split, latest.current.times)),
      },
      {
        ...axis,
        size: 64,
        space: 34,
        grid,
        values: (_plot, splits) => splits.map((split) => latest.current.format(split)),
      },
    ],
    series: [
      {},
      ...Array.from({ length: count }, (_, index) => ({
        stroke: color(colorOf(index)),
        width: 1.5,
        points: { show: false },
      })),
    ],
  }
}

/** From zero, or from what is below it, to a little more than the largest value. */
function rangeOf(min: number | null, max: number | null): [number, number] {
  const low = Math.min(0, min ?? 0)
  const high = Math.max(max ?? 0, low)
  return high === low ? [low, low + 1] : [low, high + (high - low) * 0.08]
}

/** The time of day, with the day where the axis is longer than one. */
function timeText(seconds: number, { fromS, toS }: RangeChartProps['times']): string {
  const date = new Date(seconds * 1_000)
  const two = (value: number): string => String(value).padStart(2, '0')
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}`
  if (toS - fromS <= 600) return `${clock}:${two(date.getSeconds())}`
  return toS - fromS <= 86_400 ? clock : `${date.getDate()}.${date.getMonth() + 1}. ${clock}`
}

/** A canvas does not know custom properties. */
function resolveColor(element: HTMLElement, token: string): string {
  const probe = document.createElement('span')
  probe.style.color = `var(${token})`
  element.append(probe)
  const color = getComputedStyle(probe).color
  probe.remove()
  return color
}
