import type { FastifyInstance } from 'fastify'
import { takeAnyBody } from './forms.ts'
import { registerFederate } from './federate.ts'
import { registerLabels } from './label-routes.ts'
import type { ApiNeeds } from './needs.ts'
import { registerQueries } from './query-routes.ts'
import { registerRules } from './rule-routes.ts'
import { registerStatus } from './status-routes.ts'
import { registerTargets } from './target-routes.ts'
import { registerWrite } from './write-routes.ts'

/** Registers what only reads: for the console, on the admin socket. */
export function registerReadingApi(app: FastifyInstance, needs: ApiNeeds): void {
  takeAnyBody(app)
  registerQueries(app, needs)
  registerLabels(app, needs)
  registerStatus(app, needs)
  registerTargets(app, needs)
  registerRules(app, needs)
}

/** Registers Prometheus' HTTP API (prometheus.io/docs/prometheus/latest/querying/api). */
export function registerPrometheusApi(app: FastifyInstance, needs: ApiNeeds): void {
  registerReadingApi(app, needs)
  registerFederate(app, needs)
  registerWrite(app, needs)
}
