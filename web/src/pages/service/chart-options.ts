import type uPlot from 'uplot'
import { formatTime } from '../../format.ts'

export interface ChartSeries {
  readonly label: string
  /** Name of the design token, which is resolved to the theme's colour. */
  readonly color: string
  readonly isFilled?: boolean
}

const WINDOW_SECONDS_MAX = 600
/** Below this, marks of the axis would all read alike. */
const HEIGHT_MIN = 0.5
/** Half of a time's width: one nearer to an end would be cut. */
const TIME_MARGIN_PX = 26
/** What there is so far fills the chart, from a minute on. */
const WINDOW_SECONDS_MIN = 60

/** Options in the theme's colours of this moment. `onPoint` gets the index under the pointer, or null. */
export function chartOptions(
  element: HTMLElement,
  series: readonly ChartSeries[],
  format: (value: number) => string,
  onPoint: (index: number | null) => void,
  height: number,
): uPlot.Options {
  const color = (token: string): string => resolveColor(element, token)
  const font = `11px ${getComputedStyle(element).fontFamily}`
  const axis = { stroke: color('--text-muted'), font, ticks: { show: false } }
  return {
    width: Math.max(120, element.clientWidth),
    height,
    legend: { show: false },
    padding: [8, 4, 0, 0],
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
    hooks: { setCursor: [(plot) => onPoint(plot.cursor.idx ?? null)] },
    scales: {
      x: { time: true, range: (_plot, min, max) => [windowStart(min, max), max] },
      y: { range: (_plot, _min, max) => [0, Math.max(max ?? 0, HEIGHT_MIN) * 1.15] },
    },
    axes: [
      {
        ...axis,
        size: 26,
        space: 90,
        grid: { show: false },
        values: timesOf,
      },
      {
        ...axis,
        size: 58,
        space: 34,
        grid: { stroke: color('--line'), width: 1 },
        values: (_plot, splits) => splits.map((split) => (split === 0 ? '0' : format(split))),
      },
    ],
    series: [
      {},
      ...series.map((one) => ({
        label: one.label,
        stroke: color(one.color),
        width: 1.5,
        points: { show: false },
        ...(one.isFilled ? { fill: withAlpha(color(one.color), 0.12) } : {}),
      })),
    ],
  }
}

/** Where the time axis begins, in seconds, for points from `first` to `last`. */
export function windowStart(first: number, last: number): number {
  return Math.max(last - WINDOW_SECONDS_MAX, Math.min(first, last - WINDOW_SECONDS_MIN))
}

/** Seconds are told where the marks are less than a minute apart; nothing before the first point. */
function timesOf(plot: uPlot, splits: readonly number[]): string[] {
  if (plot.data[0].length === 0) return splits.map(() => '')
  const [first = 0, second = 60] = splits
  const length = second - first < 60 ? 8 : 5
  const end = plot.over.clientWidth - TIME_MARGIN_PX
  return splits.map((split) => {
    const x = plot.valToPos(split, 'x')
    return x < TIME_MARGIN_PX || x > end ? '' : formatTime(split * 1000).slice(0, length)
  })
}

/** A canvas does not know custom properties, and `light-dark()` is only resolved where a property is used. */
function resolveColor(element: HTMLElement, token: string): string {
  const probe = document.createElement('span')
  probe.style.color = `var(${token})`
  element.append(probe)
  const color = getComputedStyle(probe).color
  probe.remove()
  return color
}

function withAlpha(color: string, alpha: number): string {
  return `color-mix(in srgb, ${color} ${alpha * 100}%, transparent)`
}
