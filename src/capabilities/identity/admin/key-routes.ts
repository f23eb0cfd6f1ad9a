import type { FastifyInstance } from 'fastify'
import { houseOf, type AdminNeeds } from './needs.ts'

/** Signing keys and their rotation. */
export function registerKeyRoutes(app: FastifyInstance, needs: AdminNeeds): void {
  const list = () => {
    const { keeper } = houseOf(needs)
    return {
      keys: keeper.keys().map(({ kid, alg, createdMs, signsFromMs, signsUntilMs, removedMs }) => ({
        kid,
        alg,
        createdMs,
        signsFromMs,
        signsUntilMs,
        removedMs,
      })),
    }
  }
  app.get('/api/v1/identity/keys', {
    schema: {
      summary:
        'Signing keys: from when to when each signs, and when it is removed. Those that sign now come first.',
    },
    handler: list,
  })
  app.post('/api/v1/identity/keys/rotate', {
    schema: {
      summary:
        'New keys sign from now on; the old ones verify what they have signed until it expires.',
    },
    handler: async () => {
      await houseOf(needs).keeper.rotate()
      return list()
    },
  })
}
