import type { FastifyInstance } from 'fastify'
import { ProblemError } from '../../../platform/problem.ts'
import { ACCOUNT_TEXT_MAX, type Account } from '../accounts/accounts.ts'
import { HashingBusyError, PASSWORD_CHARACTERS_MAX } from '../accounts/passwords.ts'
import type { IdentityHouse } from '../house.ts'
import { endSession } from '../web/account.ts'
import { houseOf, type AdminNeeds } from './needs.ts'

const TEXT = { type: 'string', maxLength: ACCOUNT_TEXT_MAX } as const
const NAMES = {
  type: 'array',
  maxItems: 100,
  items: { type: 'string', minLength: 1, maxLength: ACCOUNT_TEXT_MAX },
} as const
const PASSWORD = { type: 'string', minLength: 1, maxLength: PASSWORD_CHARACTERS_MAX } as const

interface NewAccountBody {
  readonly login: string
  readonly name?: string
  readonly email?: string
  readonly password?: string
  readonly roles?: readonly string[]
  readonly groups?: readonly string[]
}

interface AccountChange {
  readonly name?: string
  readonly email?: string
  readonly password?: string
  readonly roles?: readonly string[]
  readonly groups?: readonly string[]
  readonly isDisabled?: boolean
}

/** Accounts, by their login. Nothing that opens one is ever shown, but recovery codes once. */
export function registerAccountRoutes(app: FastifyInstance, needs: AdminNeeds): void {
  app.get('/api/v1/identity/accounts', {
    schema: { summary: 'Every account.' },
    handler: async () => ({ accounts: await houseOf(needs).accounts.list() }),
  })
  app.post<{ Body: NewAccountBody }>('/api/v1/identity/accounts', {
    schema: {
      summary:
        'Adds an account. Its recovery codes are in this answer and nowhere else; without a password one of them is the way in.',
      body: {
        type: 'object',
        additionalProperties: false,
        required: ['login'],
        properties: {
          login: { ...TEXT, minLength: 1 },
          name: TEXT,
          email: TEXT,
          password: PASSWORD,
          roles: NAMES,
          groups: NAMES,
        },
      },
    },
    handler: async (request, reply) =>
      reply.code(201).send(await addAccount(houseOf(needs), request.body)),
  })
  app.patch<{ Params: { login: string }; Body: AccountChange }>(
    '/api/v1/identity/accounts/:login',
    {
      schema: {
        summary:
          'Changes an account; a disabled one, and one with a new password, is signed out everywhere.',
        body: {
          type: 'object',
          additionalProperties: false,
          properties: {
            name: TEXT,
            email: TEXT,
            password: PASSWORD,
            roles: NAMES,
            groups: NAMES,
            isDisabled: { type: 'boolean' },
          },
        },
      },
      handler: async (request) => changeAccount(houseOf(needs), request.params.login, request.body),
    },
  )
  app.post<{ Params: { login: string } }>('/api/v1/identity/accounts/:login/recovery-codes', {
    schema: { summary: 'New recovery codes in place of the old ones, shown once.' },
    handler: async (request) => {
      const house = houseOf(needs)
      const { id } = await accountOf(house, request.params.login)
      return { recoveryCodes: await house.accounts.makeRecoveryCodes(id) }
    },
  })
  app.delete<{ Params: { login: string } }>('/api/v1/identity/accounts/:login', {
    schema: { summary: 'Removes an account, its sessions and its grants.' },
    handler: async (request, reply) => {
      const house = houseOf(needs)
      const { id } = await accountOf(house, request.params.login)
      await signOut(house, id)
      await house.accounts.remove(id)
      return reply.code(204).send()
    },
  })
}

async function addAccount(house: IdentityHouse, given: NewAccountBody) {
  checkPasswordLength(house, given.password)
  const account = await hashing(() => house.accounts.add(given))
  if (account === undefined) {
    throw new ProblemError(
      409,
      'ERR_IDENTITY_ACCOUNT_EXISTS',
      `There is an account '${given.login}' already. Change it, or choose another login.`,
    )
  }
  return { ...account, recoveryCodes: await house.accounts.makeRecoveryCodes(account.id) }
}

async function changeAccount(house: IdentityHouse, login: string, change: AccountChange) {
  const { password, ...rest } = change
  checkPasswordLength(house, password)
  const { id } = await accountOf(house, login)
  if (password !== undefined) await hashing(() => house.accounts.setPassword(id, password))
  const account = await house.accounts.change(id, rest)
  if (change.isDisabled === true || password !== undefined) await signOut(house, id)
  return account
}

async function signOut(house: IdentityHouse, id: string): Promise<void> {
  for (const session of await house.entries.list('Session', id)) await endSession(session, house)
  for (const grant of await house.entries.list('Grant', id)) {
    await house.entries.revokeGrant(grant.id)
  }
}

function checkPasswordLength({ state }: IdentityHouse, password: string | undefined): void {
  const { passwordLengthMin } = state.accounts
  if (password === undefined || password.length >= passwordLengthMin) return
  throw new ProblemError(
    400,
    'ERR_IDENTITY_PASSWORD_SHORT',
    `A password has at least ${passwordLengthMin} characters (identity.accounts.passwordLength).`,
  )
}

async function hashing<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof HashingBusyError)) throw error
    throw new ProblemError(429, error.code, error.message)
  }
}

async function accountOf({ accounts }: IdentityHouse, login: string): Promise<Account> {
  const account = await accounts.findByLogin(login)
  if (account !== undefined) return account
  throw new ProblemError(
    404,
    'ERR_IDENTITY_ACCOUNT_UNKNOWN',
    `There is no account '${login}'. 'backplane identity account list' names them.`,
  )
}
