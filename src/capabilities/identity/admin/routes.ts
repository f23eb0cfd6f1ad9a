import type { FastifyInstance } from 'fastify'
import { registerAccountRoutes } from './account-routes.ts'
import { registerClientRoutes } from './client-routes.ts'
import { registerGrantRoutes } from './grant-routes.ts'
import { registerKeyRoutes } from './key-routes.ts'
import { houseOf, type AdminNeeds } from './needs.ts'

/** Registers the admin routes of identity. */
export function registerIdentityRoutes(app: FastifyInstance, needs: AdminNeeds): void {
  app.get('/api/v1/identity', {
    schema: { summary: 'Issuer, default audience, engine, and what this process serves.' },
    handler: () => {
      const { state, ledger } = houseOf(needs)
      return { issuer: state.issuer, audience: state.audience, engine: ledger.engine }
    },
  })
  registerClientRoutes(app, needs)
  registerAccountRoutes(app, needs)
  registerGrantRoutes(app, needs)
  registerKeyRoutes(app, needs)
}
