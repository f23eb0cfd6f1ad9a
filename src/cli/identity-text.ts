import { formatColumns } from './status-text.ts'

interface ClientRow {
  readonly id: string
  readonly source: string
  readonly isPublic: boolean
  readonly grants: readonly string[]
  readonly scopes: readonly string[]
}

interface AccountRow {
  readonly login: string
  readonly name: string
  readonly roles: readonly string[]
  readonly groups: readonly string[]
  readonly isDisabled: boolean
}

interface KeyRow {
  readonly kid: string
  readonly alg: string
  readonly signsFromMs: number
  readonly signsUntilMs: number
  readonly removedMs: number
}

function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  none: string,
): string {
  return rows.length === 0 ? `${none}\n` : `${formatColumns([head, ...rows]).join('\n')}\n`
}

/** Clients, one a line. */
export function clientTable({ clients }: { readonly clients: readonly ClientRow[] }): string {
  const rows = clients.map(({ id, source, isPublic, grants, scopes }) => [
    id,
    source,
    isPublic ? 'public' : 'secret',
    grants.map(shortGrant).join(','),
    scopes.join(','),
  ])
  return table(['CLIENT', 'FROM', 'KIND', 'GRANTS', 'SCOPES'], rows, 'no client')
}

/** `urn:ietf:params:oauth:grant-type:device_code` is `device_code`. */
function shortGrant(grant: string): string {
  return grant.split(':').at(-1) ?? grant
}

/** Accounts, one a line. */
export function accountTable({ accounts }: { readonly accounts: readonly AccountRow[] }): string {
  const rows = accounts.map(({ login, name, roles, groups, isDisabled }) => [
    login,
    isDisabled ? 'disabled' : 'active',
    name,
    roles.join(','),
    groups.join(','),
  ])
  return table(['ACCOUNT', 'STATE', 'NAME', 'ROLES', 'GROUPS'], rows, 'no account')
}

/** Grants, one a line. */
export function grantTable({
  grants,
}: {
  readonly grants: readonly {
    readonly id: string
    readonly client: string
    readonly account: string
    readonly scopes: readonly string[]
  }[]
}): string {
  const rows = grants.map(({ id, client, account, scopes }) => [
    account,
    client,
    scopes.join(','),
    id,
  ])
  return table(['ACCOUNT', 'CLIENT', 'SCOPES', 'GRANT'], rows, 'no grant')
}

/** Signing keys, one a line; those that sign now first. */
export function keyTable({ keys }: { readonly keys: readonly KeyRow[] }): string {
  const rows = keys.map(({ kid, alg, signsFromMs, signsUntilMs, removedMs }) => [
    kid,
    alg,
    timeText(signsFromMs),
    timeText(signsUntilMs),
    timeText(removedMs),
  ])
  return table(['KEY', 'ALG', 'SIGNS FROM', 'UNTIL', 'GONE'], rows, 'no key')
}

function timeText(ms: number): string {
  return new Date(ms).toISOString().slice(0, 16).replace('T', ' ')
}

/** What was made, with what is shown only now. */
export function addedText(json: unknown): string {
  const { id, login, secret, token, recoveryCodes } = json as Readonly<
    Record<'id' | 'login' | 'secret' | 'token', string | undefined>
  > & { readonly recoveryCodes?: readonly string[] }
  const lines = [
    ...(login === undefined && id === undefined ? [] : [`${login ?? id ?? ''} is there`]),
    ...(secret === undefined ? [] : [`secret: ${secret}`]),
    ...(token === undefined ? [] : [`token: ${token}`]),
    ...(recoveryCodes === undefined ? [] : ['recovery codes, each works once:', ...recoveryCodes]),
  ]
  const isSecret = secret !== undefined || token !== undefined || recoveryCodes !== undefined
  return `${[...lines, ...(isSecret ? ['Keep it: it is shown only now.'] : [])].join('\n')}\n`
}
