import type { FastifyInstance } from 'fastify'
import { ProblemError } from '../../platform/problem.ts'
import type { ApiNeeds } from './api/needs.ts'
import { registerReadingApi } from './api/prometheus-api.ts'
import type { MetricsHouse } from './house.ts'

/** Prometheus' API, as far as it only reads, below `/api/v1/metrics`: pages of the console are of another origin than the listener on 9090. */
export function registerConsoleRoutes(
  app: FastifyInstance,
  house: () => MetricsHouse | undefined,
): void {
  void app.register(
    (scope, _options, done) => {
      registerReadingApi(scope, lateNeeds(house))
      done()
    },
    { prefix: '/api/v1/metrics' },
  )
}

/** Routes are registered before control has said how metrics are kept. */
function lateNeeds(house: () => MetricsHouse | undefined): ApiNeeds {
  const needs = (): ApiNeeds => {
    const found = house()?.apiNeeds()
    if (found !== undefined) return found
    throw new ProblemError(503, 'ERR_METRICS_STATE', 'Metrics are not open yet; try again.')
  }
  return {
    get store() {
      return needs().store
    },
    get pool() {
      return needs().pool
    },
    get targets() {
      return needs().targets
    },
    rules: () => needs().rules(),
    get clock() {
      return needs().clock
    },
    get log() {
      return needs().log
    },
    limits: () => needs().limits(),
    configuration: () => needs().configuration(),
    get startedAtMs() {
      return needs().startedAtMs
    },
    retentionText: () => needs().retentionText(),
  }
}
