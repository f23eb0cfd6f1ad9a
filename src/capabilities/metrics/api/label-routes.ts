import type { FastifyInstance } from 'fastify'
import { compileMatcher } from '../../../mechanisms/labels/matchers.ts'
import { PatternError } from '../../../mechanisms/labels/pattern.ts'
import type { Labels } from '../../../mechanisms/labels/labels.ts'
import { quote } from '../../../mechanisms/go-text/go-text.ts'
import { parseQuery } from '../../../mechanisms/promql/syntax/parse.ts'
import { ParseError } from '../../../mechanisms/promql/syntax/parse-error.ts'
import { selectorsOf } from './selectors.ts'
import type { LabelQuery } from '../store/store-query.ts'
import { parametersOf } from './forms.ts'
import type { ApiNeeds } from './needs.ts'
import { badData, type Parameters, TIME_MAX_MS, TIME_MIN_MS } from './parameters.ts'
import { success } from './query-routes.ts'

const TRUNCATED = 'results truncated due to limit'

/** `series`, `labels`, values of a label, `metadata`, `query_exemplars`. */
export function registerLabels(app: FastifyInstance, needs: ApiNeeds): void {
  const queries = () => needs.store.queries
  const both = ['GET', 'POST'] as ['GET', 'POST']
  app.route({
    method: both,
    url: '/api/v1/series',
    handler: async (request) => {
      const parameters = parametersOf(request)
      if (parameters.all('match[]').length === 0) throw badData('no match[] parameter provided')
      const found = await asked(queries().series(labelQueryOf(parameters)))
      return limited(found.map(objectOf), parameters)
    },
  })
  app.route({
    method: both,
    url: '/api/v1/labels',
    handler: async (request) => {
      const parameters = parametersOf(request)
      return limited(await asked(queries().labelNames(labelQueryOf(parameters))), parameters)
    },
  })
  app.get<{ Params: { name: string } }>('/api/v1/label/:name/values', async (request) => {
    const parameters = parametersOf(request)
    const name = unescapeName(request.params.name)
    if (name === '') throw badData(`invalid label name: ${quote(request.params.name)}`)
    return limited(await asked(queries().labelValues(name, labelQueryOf(parameters))), parameters)
  })
  app.get('/api/v1/metadata', (request) => metadataOf(needs, parametersOf(request)))
  app.route({
    method: both,
    url: '/api/v1/query_exemplars',
    handler: (request) => exemplarsOf(needs, parametersOf(request)),
  })
}

function labelQueryOf(parameters: Parameters): LabelQuery {
  const fromMs = parameters.timeMs('start', TIME_MIN_MS)
  const toMs = parameters.timeMs('end', TIME_MAX_MS)
  if (toMs < fromMs) {
    throw badData('invalid parameter "end": end timestamp must not be before start time')
  }
  return { sets: parameters.matchers(), fromMs, toMs }
}

async function asked<Result>(asking: Promise<Result>): Promise<Result> {
  try {
    return await asking
  } catch (error) {
    if (error instanceof PatternError) throw badData(error.message)
    throw error
  }
}

function limited(all: readonly unknown[], parameters: Parameters): object {
  const limit = parameters.limit()
  return limit > 0 && all.length > limit ? success(all.slice(0, limit), [TRUNCATED]) : success(all)
}

/** Without a prototype, so that a label `__proto__` is one like any other. */
export function objectOf({ names, values }: Labels): Readonly<Record<string, string>> {
  const object = Object.create(null) as Record<string, string>
  for (const [at, name] of names.entries()) object[name] = values[at]!
  return object
}

/** Names with other characters than letters come as `U__my_2e_name` (Prometheus' "values" escaping). */
function unescapeName(name: string): string {
  if (!name.startsWith('U__')) return name
  return name
    .slice(3)
    .replaceAll(/__|_([0-9a-fA-F]{1,6})_/g, (found, digits: string | undefined) =>
      digits === undefined ? '_' : codePoint(Number.parseInt(digits, 16), found),
    )
}

function codePoint(point: number, otherwise: string): string {
  return point <= 0x10ffff ? String.fromCodePoint(point) : otherwise
}

function metadataOf({ store }: ApiNeeds, parameters: Parameters): object {
  const limit = parameters.get('limit') === '' ? -1 : Number(parameters.get('limit'))
  if (!Number.isSafeInteger(limit)) throw badData('limit must be a number')
  const wanted = parameters.get('metric')
  const found = Object.create(null) as Record<string, object[]>
  let count = 0
  for (const { name, type, help, unit } of store.metadata.values()) {
    if (limit >= 0 && count >= limit) break
    if (wanted !== '' && name !== wanted) continue
    found[name] = [{ type, unit, help }]
    count++
  }
  return success(found)
}

function exemplarsOf({ store }: ApiNeeds, parameters: Parameters): object {
  const fromMs = parameters.timeMs('start', TIME_MIN_MS)
  const toMs = parameters.timeMs('end', TIME_MAX_MS)
  if (toMs < fromMs) throw badData('end timestamp must not be before start timestamp')
  try {
    const expr = parseQuery(parameters.get('query'), {
      experimentalFunctions: true,
      extendedRangeSelectors: true,
      fillModifiers: true,
    })
    const sets = selectorsOf(expr).map((matchers) => matchers.map(compileMatcher))
    const found = store.exemplars.select(sets, fromMs, toMs)
    return success(
      found.map(({ series, exemplars }) => ({
        seriesLabels: objectOf(series),
        exemplars: exemplars.map(({ labels, value, timeMs }) => ({
          labels: objectOf(labels),
          value: String(value),
          timestamp: timeMs / 1_000,
        })),
      })),
    )
  } catch (error) {
    if (error instanceof ParseError) throw badData(`invalid parameter "query": ${error.message}`)
    throw error
  }
}
