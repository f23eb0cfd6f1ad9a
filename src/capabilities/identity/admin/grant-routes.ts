import type { FastifyInstance } from 'fastify'
import { ProblemError } from '../../../platform/problem.ts'
import { revokeAllOf } from '../provider/consent.ts'
import { scopesOf } from '../web/account.ts'
import { houseOf, type AdminNeeds } from './needs.ts'

/** Which client may do what for whom. */
export function registerGrantRoutes(app: FastifyInstance, needs: AdminNeeds): void {
  app.get('/api/v1/identity/grants', {
    schema: { summary: 'The newest 1,000 grants: account, client, scopes.' },
    handler: async () => {
      const { entries, accounts } = houseOf(needs)
      const [grants, known] = await Promise.all([entries.list('Grant'), accounts.list()])
      const logins = new Map(known.map(({ id, login }) => [id, login]))
      return {
        grants: grants.map((grant) => ({
          id: grant.id,
          client: grant.client ?? '',
          account: logins.get(grant.account ?? '') ?? grant.account ?? '',
          scopes: scopesOf(grant),
          grantedMs: grant.storedMs,
        })),
      }
    },
  })
  app.delete<{ Params: { id: string } }>('/api/v1/identity/grants/:id', {
    schema: {
      summary:
        'Revokes all that the client of this grant may do for its account, with every token that hangs from it.',
    },
    handler: async (request, reply) => {
      const { entries } = houseOf(needs)
      const { id } = request.params
      const grant = await entries.find('Grant', id)
      if (grant === undefined) {
        throw new ProblemError(
          404,
          'ERR_IDENTITY_GRANT_UNKNOWN',
          'There is no such grant: it was revoked, or it has expired.',
        )
      }
      await revokeAllOf(entries, grant.account, grant.client)
      return reply.code(204).send()
    },
  })
}
