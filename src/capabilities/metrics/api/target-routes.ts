import type { FastifyInstance } from 'fastify'
import { objectOf } from './label-routes.ts'
import { parametersOf } from './forms.ts'
import type { ApiNeeds } from './needs.ts'
import { success } from './query-routes.ts'

/** `targets`: what is scraped, and how the last scrape of each went. */
export function registerTargets(app: FastifyInstance, needs: ApiNeeds): void {
  app.get('/api/v1/targets', (request) => {
    const parameters = parametersOf(request)
    const state = parameters.get('state').toLowerCase()
    const pool = parameters.get('scrapePool')
    const wanted = needs.targets.all().filter((one) => pool === '' || one.pool === pool)
    const activeTargets =
      state === 'dropped'
        ? []
        : wanted.map((one) => ({
            discoveredLabels: objectOf(one.discovered),
            labels: objectOf(one.labels),
            scrapePool: one.pool,
            scrapeUrl: one.url,
            globalUrl: one.url,
            lastError: one.last?.error ?? '',
            lastScrape: new Date(one.last?.atMs ?? 0).toISOString(),
            lastScrapeDuration: (one.last?.durationMs ?? 0) / 1_000,
            health: one.last === undefined ? 'unknown' : one.last.error === '' ? 'up' : 'down',
            scrapeInterval: `${one.intervalMs / 1_000}s`,
            scrapeTimeout: `${one.timeoutMs / 1_000}s`,
          }))
    return success({ activeTargets, droppedTargets: [], droppedTargetCounts: {} })
  })
}
