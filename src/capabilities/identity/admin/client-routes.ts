import { randomBytes } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import type { IdentityGrant } from '../../../contracts/identity-state.ts'
import { ProblemError } from '../../../platform/problem.ts'
import type { IdentityHouse } from '../house.ts'
import { ACCOUNT_CLIENT, apiScopesOf, metadataOf, needsConsent } from '../provider/clients.ts'
import type { ClientMetadata, StoredClient } from '../store/clients.ts'
import { secretHashOf } from '../store/hash.ts'
import { houseOf, type AdminNeeds } from './needs.ts'

/** An initial access token for clients that register themselves. */
const INITIAL_TOKEN_S = 24 * 60 * 60

const TEXT = { type: 'string', minLength: 1, maxLength: 2048 } as const
const TEXTS = { type: 'array', maxItems: 100, items: TEXT, default: [] } as const
const ID = { type: 'string', pattern: '^[A-Za-z0-9._~-]{1,128}$' } as const

interface NewClient {
  readonly id: string
  readonly name?: string
  readonly isPublic: boolean
  readonly isNative: boolean
  readonly redirectUris: readonly string[]
  readonly logoutUris: readonly string[]
  readonly grants: readonly IdentityGrant[]
  readonly scopes: readonly string[]
  readonly needsConsent: boolean
}

const body = {
  type: 'object',
  additionalProperties: false,
  required: ['id'],
  properties: {
    id: ID,
    name: TEXT,
    isPublic: { type: 'boolean', default: false, description: 'It can keep no secret.' },
    isNative: { type: 'boolean', default: false },
    redirectUris: TEXTS,
    logoutUris: TEXTS,
    grants: {
      type: 'array',
      default: [],
      items: {
        enum: [
          'authorization_code',
          'refresh_token',
          'client_credentials',
          'device_code',
          'token_exchange',
        ],
      },
    },
    scopes: TEXTS,
    needsConsent: { type: 'boolean', default: false },
  },
} as const

/** Clients: those of the file, and those that are kept in the store. */
export function registerClientRoutes(app: FastifyInstance, needs: AdminNeeds): void {
  app.get('/api/v1/identity/clients', {
    schema: { summary: 'Every client, without anything secret.' },
    handler: async () => {
      const house = houseOf(needs)
      const stored = await house.clients.list()
      const fixed = house.state.clients.map((client) => viewOf(metadataOf(client), 'file', 0))
      return {
        clients: [
          ...fixed,
          ...stored.map((one) => viewOf(one.metadata, one.source, one.createdMs)),
        ],
      }
    },
  })
  app.post<{ Body: NewClient }>('/api/v1/identity/clients', {
    schema: { summary: 'Adds a client. Its secret is in this answer and nowhere else.', body },
    handler: async (request, reply) => {
      const added = await addClient(houseOf(needs), request.body)
      return reply.code(201).send(added)
    },
  })
  app.delete<{ Params: { id: string } }>('/api/v1/identity/clients/:id', {
    schema: {
      summary: 'Removes a client that is not in the file, with all that it holds.',
      params: { type: 'object', properties: { id: TEXT } },
    },
    handler: async (request, reply) => {
      const { id } = request.params
      const house = houseOf(needs)
      if (house.state.clients.some((client) => client.id === id)) {
        throw new ProblemError(
          409,
          'ERR_IDENTITY_CLIENT_OF_FILE',
          `The client '${id}' is in the file: remove it there.`,
        )
      }
      if (!(await house.clients.remove(id))) throw unknownClient(id)
      return reply.code(204).send()
    },
  })
  app.post('/api/v1/identity/initial-access-tokens', {
    schema: {
      summary:
        'A token with which clients may register themselves (RFC 7591) for a day, where the file allows it.',
    },
    handler: async (_request, reply) => {
      const { web, state } = houseOf(needs)
      if (!state.mayRegisterClients || web === undefined) {
        throw new ProblemError(
          409,
          'ERR_IDENTITY_REGISTRATION_OFF',
          'Clients may not register themselves: set identity.registration to true.',
        )
      }
      const token = new web.provider.InitialAccessToken({ expiresIn: INITIAL_TOKEN_S })
      return reply.code(201).send({ token: await token.save(), expiresIn: INITIAL_TOKEN_S })
    },
  })
}

async function addClient(house: IdentityHouse, given: NewClient) {
  const { id, isPublic } = given
  const secret = isPublic ? undefined : randomBytes(32).toString('base64url')
  const metadata = metadataOf({
    ...given,
    name: given.name,
    secretHash: secret === undefined ? undefined : secretHashOf(secret),
    auth: isPublic ? 'none' : 'client_secret_basic',
    jwks: undefined,
    jwksUri: undefined,
    backchannelLogoutUri: undefined,
    grants: given.grants.length > 0 ? given.grants : defaultGrants(given),
    needsPush: false,
    needsDpop: false,
  })
  await checkMetadata(house, metadata)
  const client: StoredClient = { id, metadata, source: 'command', createdMs: Date.now() }
  const isOfFile = id === ACCOUNT_CLIENT || house.state.clients.some((one) => one.id === id)
  if (isOfFile || !(await house.clients.add(client))) {
    throw new ProblemError(
      409,
      'ERR_IDENTITY_CLIENT_EXISTS',
      `There is a client '${id}' already, or there are as many as can be. Remove it first, or choose another id.`,
    )
  }
  return {
    ...viewOf(metadata, 'command', client.createdMs),
    ...(secret === undefined ? {} : { secret }),
  }
}

/** What can be meant: who has somewhere to come back to signs people in, all others act for themselves. */
function defaultGrants({ redirectUris }: NewClient): readonly IdentityGrant[] {
  return redirectUris.length > 0 ? ['authorization_code', 'refresh_token'] : ['client_credentials']
}

/** The library says what is wrong with a client better than we could. Throws `ProblemError`. */
async function checkMetadata({ web }: IdentityHouse, metadata: ClientMetadata): Promise<void> {
  if (web === undefined) return
  try {
    const made = new (web.provider.Client as unknown as new (metadata: object) => object)(metadata)
    if (made === undefined) throw new TypeError('no client')
  } catch (error) {
    const { error_description: described, message } = error as Error & {
      readonly error_description?: string
    }
    throw new ProblemError(
      400,
      'ERR_IDENTITY_CLIENT_INVALID',
      `This client cannot be: ${described ?? message}.`,
    )
  }
}

function viewOf(metadata: ClientMetadata, source: string, createdMs: number) {
  return {
    id: metadata.client_id,
    name: (metadata['client_name'] as string | undefined) ?? metadata.client_id,
    source,
    isPublic: metadata['token_endpoint_auth_method'] === 'none',
    grants: (metadata['grant_types'] as readonly string[] | undefined) ?? [],
    redirectUris: (metadata['redirect_uris'] as readonly string[] | undefined) ?? [],
    scopes: [...apiScopesOf(metadata)],
    needsConsent: needsConsent(metadata),
    ...(createdMs === 0 ? {} : { createdMs }),
  }
}

function unknownClient(id: string): ProblemError {
  return new ProblemError(
    404,
    'ERR_IDENTITY_CLIENT_UNKNOWN',
    `There is no client '${id}'. 'backplane identity client list' names them.`,
  )
}
