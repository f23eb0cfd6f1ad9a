import { ActionError, send } from './actions.ts'

/** A client, without anything secret. */
export interface ClientView {
  readonly id: string
  readonly name: string
  /** `file`, `command` or `registration`. */
  readonly source: string
  readonly isPublic: boolean
  readonly grants: readonly string[]
  readonly scopes: readonly string[]
  readonly needsConsent: boolean
}

/** Somebody who can sign in. */
export interface AccountView {
  readonly id: string
  readonly login: string
  readonly name: string
  readonly roles: readonly string[]
  readonly groups: readonly string[]
  readonly isDisabled: boolean
}

/** Which client may do what for whom. */
export interface GrantView {
  readonly id: string
  readonly client: string
  readonly account: string
  readonly scopes: readonly string[]
  readonly grantedMs: number
}

/** A signing key, without its secret. Unix milliseconds. */
export interface SigningKeyView {
  readonly kid: string
  readonly alg: string
  readonly signsFromMs: number
  readonly signsUntilMs: number
  readonly removedMs: number
}

/** Everything that the page shows, or why there is nothing. */
export type IdentityView =
  | { readonly state: 'away'; readonly why: string }
  | {
      readonly state: 'here'
      readonly issuer: string
      readonly audience: string
      readonly clients: readonly ClientView[]
      readonly accounts: readonly AccountView[]
      readonly grants: readonly GrantView[]
      readonly keys: readonly SigningKeyView[]
    }

const base = '/api/v1/identity'

/** All of it; a system without identity is an answer, not an error. */
export async function loadIdentity(): Promise<IdentityView> {
  try {
    const [about, clients, accounts, grants, keys] = await Promise.all(
      ['', '/clients', '/accounts', '/grants', '/keys'].map((path) => send('GET', base + path)),
    )
    return {
      state: 'here',
      ...(about as { issuer: string; audience: string }),
      ...(clients as { clients: readonly ClientView[] }),
      ...(accounts as { accounts: readonly AccountView[] }),
      ...(grants as { grants: readonly GrantView[] }),
      ...(keys as { keys: readonly SigningKeyView[] }),
    }
  } catch (error) {
    if (error instanceof ActionError) return { state: 'away', why: error.message }
    throw error
  }
}

/** With every token that hangs from it. Throws `ActionError`. */
export async function revokeGrant(id: string): Promise<void> {
  await send('DELETE', `${base}/grants/${encodeURIComponent(id)}`)
}

/** Disabled: signed out everywhere. Throws `ActionError`. */
export async function setDisabled(login: string, isDisabled: boolean): Promise<void> {
  await send('PATCH', `${base}/accounts/${encodeURIComponent(login)}`, { isDisabled })
}

/** One that is not in the file. Throws `ActionError`. */
export async function removeClient(id: string): Promise<void> {
  await send('DELETE', `${base}/clients/${encodeURIComponent(id)}`)
}

/** New keys sign in a second. Throws `ActionError`. */
export async function rotateKeys(): Promise<void> {
  await send('POST', `${base}/keys/rotate`)
}
