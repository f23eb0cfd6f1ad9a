import { text } from 'node:stream/consumers'
import { CommandError, findAdmin, type AdminClient } from './admin-client.ts'
import { parseArguments, printExit, type CommandSpec } from './arguments.ts'
import { runGuarded, targetFlags } from './command.ts'
import { accountTable, addedText, clientTable, grantTable, keyTable } from './identity-text.ts'
import type { Io } from './io.ts'

const value = (name: string, description: string) =>
  ({ type: 'value', value: name, description }) as const

const spec = {
  name: 'identity',
  summary: 'Clients, accounts, grants and signing keys of the issuer.',
  positionals: [
    { name: 'WHAT', description: 'client, account, grant, key or registration-token.' },
    {
      name: 'ACTION',
      description:
        'list, add, remove; of an account also disable, enable, password, recovery-codes; of a grant revoke; of keys rotate. Default: list.',
      isOptional: true,
    },
    {
      name: 'NAME',
      description: 'Id of the client or grant, login of the account.',
      isOptional: true,
    },
  ],
  flags: {
    ...targetFlags,
    name: value('TEXT', 'How people call the client or the account.'),
    email: value('ADDRESS', 'Of the account.'),
    roles: value('A,B', 'Of the account.'),
    groups: value('A,B', 'Of the account.'),
    'password-stdin': {
      type: 'boolean',
      description:
        'Read the password of the account from standard input, where no other process sees it.',
    },
    redirect: value('URI,URI', 'Where the client may be answered.'),
    logout: value('URI,URI', 'Where the client may go on after a logout.'),
    grants: value('A,B', 'What the client may use; default: by whether it has --redirect.'),
    scopes: value('A,B', 'Scopes of APIs that the client may ask for.'),
    public: { type: 'boolean', description: 'The client can keep no secret: it gets none.' },
    native: { type: 'boolean', description: 'The client runs on a device of the user.' },
    consent: { type: 'boolean', description: 'People are asked before the client gets anything.' },
  },
  notes: [
    'A secret and recovery codes are printed once, by the command that makes them, and kept nowhere.',
    'Example: backplane identity client add nightly --scopes orders:read',
  ],
} as const satisfies CommandSpec

type Flags = Extract<ReturnType<typeof parseArguments<typeof spec>>, { kind: 'run' }>['flags']

/** What one action needs. */
interface Action {
  readonly admin: AdminClient
  readonly flags: Flags
  readonly name: string
}

/** What it answers, and how a terminal shows it. */
interface Outcome {
  readonly json: unknown
  readonly text: string
}

const BASE = '/api/v1/identity'

/** `client add` and so on, by their words. */
const ACTIONS: ReadonlyMap<string, (action: Action) => Promise<Outcome>> = new Map([
  [
    'client list',
    async ({ admin }) => listed(await admin.call('GET', `${BASE}/clients`), clientTable),
  ],
  ['client add', addClient],
  ['client remove', ({ admin, name }) => removed(admin, 'clients', name)],
  [
    'account list',
    async ({ admin }) => listed(await admin.call('GET', `${BASE}/accounts`), accountTable),
  ],
  ['account add', addAccount],
  ['account remove', ({ admin, name }) => removed(admin, 'accounts', name)],
  [
    'account disable',
    (action) => change(action, { isDisabled: true }, 'is disabled and signed out'),
  ],
  ['account enable', (action) => change(action, { isDisabled: false }, 'may sign in')],
  [
    'account password',
    async (action) =>
      change(action, { password: await readPassword() }, 'has a new password and is signed out'),
  ],
  [
    'account recovery-codes',
    async ({ admin, name }) => {
      const json = await admin.call('POST', `${pathOf('accounts', name)}/recovery-codes`)
      return { json, text: addedText(json) }
    },
  ],
  [
    'grant list',
    async ({ admin }) => listed(await admin.call('GET', `${BASE}/grants`), grantTable),
  ],
  ['grant revoke', ({ admin, name }) => removed(admin, 'grants', name)],
  ['key list', async ({ admin }) => listed(await admin.call('GET', `${BASE}/keys`), keyTable)],
  [
    'key rotate',
    async ({ admin }) => listed(await admin.call('POST', `${BASE}/keys/rotate`), keyTable),
  ],
  [
    'registration-token add',
    async ({ admin }) => {
      const json = await admin.call('POST', `${BASE}/initial-access-tokens`)
      return { json, text: addedText(json) }
    },
  ],
])

/** `backplane identity WHAT [ACTION [NAME]]`. */
export async function runIdentity(argv: readonly string[], io: Io): Promise<number> {
  const parsed = parseArguments(argv, spec)
  if (parsed.kind === 'exit') return printExit(parsed, io)
  const { flags, positionals } = parsed
  const [what = '', said, name = ''] = positionals
  const word = said ?? (what === 'registration-token' ? 'add' : 'list')
  return runGuarded(io, flags.json, async () => {
    const action = ACTIONS.get(`${what} ${word}`)
    if (action === undefined) throw wrongUse(`there is no '${what} ${word}'`)
    const needsName = !['list', 'rotate'].includes(word) && what !== 'registration-token'
    if (needsName && name === '') throw wrongUse(`'${what} ${word}' needs a NAME`)
    const admin = await findAdmin(flags, io)
    const outcome = await action({ admin, flags, name })
    io.stdout.write(flags.json ? `${JSON.stringify(outcome.json)}\n` : outcome.text)
    return 0
  })
}

function wrongUse(message: string): CommandError {
  const help = "'backplane identity --help' says what there is"
  return new CommandError('ERR_CLI_USAGE', `${message}; ${help}.`, 2)
}

function listed(json: unknown, table: (json: never) => string): Outcome {
  return { json, text: table(json as never) }
}

function pathOf(kind: string, name: string): string {
  return `${BASE}/${kind}/${encodeURIComponent(name)}`
}

async function removed(admin: AdminClient, kind: string, name: string): Promise<Outcome> {
  await admin.call('DELETE', pathOf(kind, name))
  return { json: { name, status: 'removed' }, text: `${name} is gone\n` }
}

async function change(
  { admin, name }: Action,
  body: Readonly<Record<string, unknown>>,
  said: string,
): Promise<Outcome> {
  const json = await admin.call('PATCH', pathOf('accounts', name), body)
  return { json, text: `${name} ${said}\n` }
}

async function addClient({ admin, flags, name }: Action): Promise<Outcome> {
  const json = await admin.call('POST', `${BASE}/clients`, {
    id: name,
    ...(flags.name === undefined ? {} : { name: flags.name }),
    isPublic: flags.public,
    isNative: flags.native,
    needsConsent: flags.consent,
    redirectUris: wordsOf(flags.redirect),
    logoutUris: wordsOf(flags.logout),
    grants: wordsOf(flags.grants),
    scopes: wordsOf(flags.scopes),
  })
  return { json, text: addedText(json) }
}

async function addAccount({ admin, flags, name }: Action): Promise<Outcome> {
  const json = await admin.call('POST', `${BASE}/accounts`, {
    login: name,
    ...(flags.name === undefined ? {} : { name: flags.name }),
    ...(flags.email === undefined ? {} : { email: flags.email }),
    roles: wordsOf(flags.roles),
    groups: wordsOf(flags.groups),
    ...(flags['password-stdin'] ? { password: await readPassword() } : {}),
  })
  return { json, text: addedText(json) }
}

/** The first line: what is typed ends with one. */
async function readPassword(): Promise<string> {
  return (await text(process.stdin)).split(/\r?\n/, 1)[0] ?? ''
}

function wordsOf(list: string | undefined): readonly string[] {
  return (list ?? '').split(',').flatMap((word) => (word.trim() === '' ? [] : [word.trim()]))
}
