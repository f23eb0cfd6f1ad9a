import type { FastifyInstance } from 'fastify'
import { formatValue } from '../../../mechanisms/go-text/go-text.ts'
import type { Labels } from '../../../mechanisms/labels/labels.ts'
import { bitsOf, isStaleAt } from '../../../mechanisms/promql/queryable.ts'
import { parametersOf } from './forms.ts'
import type { ApiNeeds } from './needs.ts'

/** `federate`: the newest sample of each series, as text with times, for another Prometheus. */
export function registerFederate(app: FastifyInstance, { store, clock, limits }: ApiNeeds): void {
  app.get('/federate', async (request, reply) => {
    const { lookbackMs, samplesMax } = limits()
    const toMs = clock.nowMs()
    const lines = new Map<string, string>()
    const hints = { func: 'series', stepMs: 0, rangeMs: 0, grouping: { labels: [], isBy: true } }
    for (const matchers of parametersOf(request).matchers()) {
      const query = { matchers, fromMs: toMs - lookbackMs, toMs, samplesMax, hints }
      for (const series of await store.queries.select(query)) {
        const { timestamps, values, histograms, labels } = series
        const last = timestamps.length - 1
        // Text has no native histograms.
        if (last < 0 || histograms?.[last] !== undefined) continue
        if (isStaleAt(bitsOf(values), last)) continue
        const line = `${seriesText(labels)} ${formatValue(values[last]!)} ${timestamps[last]}`
        lines.set(labels.signature, line)
      }
    }
    const type = 'text/plain; version=0.0.4; charset=utf-8'
    return reply.header('content-type', type).send(withTypes([...lines.values()]))
  })
}

/** Each metric once says that its type is not known here. */
function withTypes(lines: readonly string[]): string {
  const sorted = lines.toSorted((one, other) => (one < other ? -1 : 1))
  let name = ''
  let text = ''
  for (const line of sorted) {
    const own = /^(?:\{"(?:[^"\\]|\\.)*"|[^{ ]+)/.exec(line)?.[0] ?? ''
    if (own !== name) {
      name = own
      text += `# TYPE ${own.replace(/^\{/, '')} untyped\n`
    }
    text += `${line}\n`
  }
  return text
}

function seriesText({ names, values }: Labels): string {
  const at = names.indexOf('__name__')
  const name = values[at] ?? ''
  const isPlain = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name)
  const pairs = names.flatMap((label, index) => {
    if (index === at) return []
    const quoted = /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(label) ? label : `"${escaped(label)}"`
    return [`${quoted}="${escaped(values[index]!)}"`]
  })
  if (!isPlain) return `{${[`"${escaped(name)}"`, ...pairs].join(',')}}`
  return pairs.length === 0 ? name : `${name}{${pairs.join(',')}}`
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
