/** One metric family in the Prometheus text exposition format 0.0.4. */
export interface MetricFamily {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly samples: Iterable<MetricSample>
}

export interface MetricSample {
  /** `_bucket`, `_sum`, `_count` of a histogram, else ''. */
  readonly suffix?: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** The whole answer of `/metrics`. Label values are escaped as the format asks. */
export function renderMetrics(families: Iterable<MetricFamily>): string {
  const lines: string[] = []
  for (const family of families) {
    lines.push(
      `# HELP ${family.name} ${family.help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}`,
    )
    lines.push(`# TYPE ${family.name} ${family.type}`)
    for (const sample of family.samples) {
      lines.push(
        `${family.name}${sample.suffix ?? ''}${labelsText(sample.labels)} ${numberText(sample.value)}`,
      )
    }
  }
  return `${lines.join('\n')}\n`
}

/** The samples of one histogram series from counts a bucket (not cumulative). */
export function* histogramSamples(
  labels: Readonly<Record<string, string>>,
  boundsSeconds: readonly number[],
  counts: readonly number[],
  sumSeconds: number,
): Generator<MetricSample> {
  let total = 0
  for (const [at, count] of counts.entries()) {
    total += count
    const bound = boundsSeconds[at]
    yield {
      suffix: '_bucket',
      labels: { ...labels, le: bound === undefined ? '+Inf' : String(bound) },
      value: total,
    }
  }
  yield { suffix: '_sum', labels, value: sumSeconds }
  yield { suffix: '_count', labels, value: total }
}

function labelsText(labels: Readonly<Record<string, string>>): string {
  const entries = Object.entries(labels)
  if (entries.length === 0) return ''
  return `{${entries.map(([name, value]) => `${name}="${escapeLabel(value)}"`).join(',')}}`
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

function numberText(value: number): string {
  if (Number.isFinite(value) || Number.isNaN(value)) return String(value)
  return value > 0 ? '+Inf' : '-Inf'
}
