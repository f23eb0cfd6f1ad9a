/** The goodput of one run, a value a second. */
export interface Curve {
  readonly name: string
  readonly perSecond: readonly number[]
}

const WIDTH = 760
const HEIGHT = 300
const LEFT = 50
const RIGHT = 190
const TOP = 30
const BOTTOM = 40
const COLOURS = ['#4650c8', '#18794a', '#c22a36', '#8f5800', '#0f7f8c']

/** The curves as a picture for readers of BENCHMARKS.md, on white; `marks` are the seconds at which the brown-out begins and ends. */
export function drawCurves(
  title: string,
  curves: readonly Curve[],
  marks: readonly [from: number, to: number],
): string {
  const seconds = Math.max(...curves.map(({ perSecond }) => perSecond.length))
  const top = Math.max(...curves.flatMap(({ perSecond }) => perSecond), 1) * 1.1
  const x = (second: number): number =>
    LEFT + (second / Math.max(1, seconds - 1)) * (WIDTH - LEFT - RIGHT)
  const y = (value: number): number => HEIGHT - BOTTOM - (value / top) * (HEIGHT - TOP - BOTTOM)
  const text = (atX: number, atY: number, said: string, anchor = 'start'): string =>
    `<text x="${atX.toFixed(1)}" y="${atY.toFixed(1)}" text-anchor="${anchor}">${said}</text>`
  const lines = curves.flatMap(({ name, perSecond }, i) => {
    const points = perSecond.map(
      (value, second) => `${x(second).toFixed(1)},${y(value).toFixed(1)}`,
    )
    const colour = COLOURS[i % COLOURS.length]
    const at = TOP + 18 * (i + 1)
    return [
      `<polyline fill="none" stroke="${colour}" stroke-width="2" points="${points.join(' ')}"/>`,
      `<rect x="${WIDTH - RIGHT + 16}" y="${at - 9}" width="12" height="3" fill="${colour}"/>`,
      text(WIDTH - RIGHT + 34, at - 4, name),
    ]
  })
  const ticks = [0, top / 2.2, top / 1.1].map((value) =>
    text(LEFT - 8, y(value) + 4, value.toFixed(0), 'end'),
  )
  const [from, to] = marks
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="11" role="img">`,
    `<title>${title}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    `<rect x="${x(from).toFixed(1)}" y="${TOP}" width="${(x(to) - x(from)).toFixed(1)}" height="${HEIGHT - TOP - BOTTOM}" fill="#f1f3f6"/>`,
    text(x(from) + 4, TOP + 12, 'brown-out'),
    text(LEFT, 18, title),
    ...ticks,
    ...lines,
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, 'seconds', 'middle'),
    ...[0, from, to, seconds - 1].map((second) =>
      text(x(second), HEIGHT - BOTTOM + 16, String(second), 'middle'),
    ),
    '</svg>',
    '',
  ].join('\n')
}
