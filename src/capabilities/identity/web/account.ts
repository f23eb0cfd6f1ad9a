import type { Session } from 'oidc-provider'
import { ACCOUNT_TEXT_MAX, type Account } from '../accounts/accounts.ts'
import { HashingBusyError, passwordFault } from '../accounts/passwords.ts'
import { accountPage, recoveryCodesPage } from '../pages/account-pages.ts'
import { checkForm, formToken, readForm } from '../pages/forms.ts'
import { html } from '../pages/html.ts'
import { readPayload } from '../provider/adapter.ts'
import { ACCOUNT_CLIENT } from '../provider/clients.ts'
import { revokeAllOf } from '../provider/consent.ts'
import type { StoredEntry } from '../store/entries.ts'
import { hashOf } from '../store/hash.ts'
import { redirect, sendJson, sendPage, type Exchange, type WebGround } from './exchange.ts'
import { readScript } from './sign-in-passkey.ts'

/** Somebody who is signed in, at his own page. */
interface Visit {
  readonly exchange: Exchange
  readonly ground: WebGround
  readonly account: Account
  readonly sessionUid: string
}

/** Answers `/account` and what is below it. Whoever is not signed in does that first. Throws `ProblemError`. */
export async function answerAccount(exchange: Exchange, ground: WebGround): Promise<void> {
  const { request, response, path } = exchange
  const { provider, accounts, look, state } = ground
  const session = (await provider.Session.get(
    provider.createContext(request, response) as never,
  )) as InstanceType<typeof Session>
  const account =
    session.accountId === undefined ? undefined : await accounts.find(session.accountId)
  if (account === undefined || account.isDisabled) return leadToSignIn(exchange, ground)
  const visit = { exchange, ground, account, sessionUid: session.uid }
  const step = path.slice('/account'.length)
  if (request.method === 'GET') {
    return step === '' ? show(visit, '', '') : redirect(exchange, `${look.base}/account`)
  }
  if (step === '/passkeys/options' || step === '/passkeys') return addPasskey(visit, step)
  const form = await readForm(request)
  const expected = formToken(ground.formSecret, session.uid)
  checkForm(request, form, expected, new URL(state.issuer).origin)
  try {
    await take(visit, step, form)
  } catch (error) {
    if (!(error instanceof HashingBusyError)) throw error
    await show(visit, error.message, '', 429)
  }
}

/** Once: who comes back without a session has cancelled, or his browser keeps no cookies. */
function leadToSignIn(exchange: Exchange, ground: WebGround): void {
  const { searchParams } = new URL(exchange.request.url ?? '/', ground.state.issuer)
  if (!searchParams.has('iss')) return redirect(exchange, signInUrl(ground))
  const body = html`<p>You are not signed in.</p>
    <p class="links"><a href="${ground.look.base}/account">Sign in</a></p>`
  sendPage(exchange, ground, { title: 'Your account', body }, 403)
}

/** An authorization request that brings back nothing but the session. */
function signInUrl({ provider, state }: WebGround): string {
  const url = new URL(provider.urlFor('authorization'))
  url.searchParams.set('client_id', ACCOUNT_CLIENT)
  url.searchParams.set('response_type', 'none')
  url.searchParams.set('scope', 'openid')
  url.searchParams.set('redirect_uri', `${state.issuer}/account`)
  return `${url.pathname}${url.search}`
}

async function take(visit: Visit, step: string, form: URLSearchParams): Promise<void> {
  const { exchange, ground, account, sessionUid } = visit
  const { entries, accounts, look, passkeys } = ground
  const back = () => redirect(exchange, `${look.base}/account`)
  const id = form.get('id') ?? ''
  switch (step) {
    case '/sessions/end': {
      const session = (await entries.list('Session', account.id)).find((one) => one.id === id)
      if (session !== undefined) await endSession(session, ground)
      return session?.uid === hashOf('uid', sessionUid)
        ? redirect(exchange, signInUrl(ground))
        : back()
    }
    case '/grants/end': {
      const grants = await entries.list('Grant', account.id)
      const grant = grants.find((one) => one.id === id)
      if (grant !== undefined) await revokeAllOf(entries, account.id, grant.client)
      return back()
    }
    case '/passkeys/remove':
      await passkeys.remove(account.id, id)
      return back()
    case '/password':
      return changePassword(visit, form)
    case '/recovery-codes': {
      if (!(await isOwner(visit, form))) return show(visit, 'The password is wrong.', '', 403)
      const codes = await accounts.makeRecoveryCodes(account.id)
      return sendPage(exchange, ground, recoveryCodesPage(`${look.base}/account`, codes))
    }
    default:
      return back()
  }
}

/** Ends a session with all that hangs from it: the tokens that its clients got while it lasted. */
export async function endSession(
  session: StoredEntry,
  { entries, vault }: Pick<WebGround, 'entries' | 'vault'>,
): Promise<void> {
  if (session.uid !== undefined) await entries.revokeSession(session.uid)
  const { authorizations = {} } = readPayload(session, vault)
  for (const { grantId } of Object.values(authorizations)) {
    if (grantId !== undefined) await entries.revokeGrant(hashOf('Grant', grantId))
  }
}

/** Whether the present password was typed; who guesses waits here as at the login. */
async function isOwner(
  { exchange, ground, account }: Visit,
  form: URLSearchParams,
): Promise<boolean> {
  const { throttle, accounts } = ground
  if (throttle.waitMs(account.login, exchange.address) > 0) return false
  const given = form.get('current') ?? ''
  const end = throttle.begin(account.login, exchange.address)
  try {
    const isRight = (await accounts.checkPassword(account.login, given)) !== undefined
    if (isRight) throttle.succeeded(account.login, exchange.address)
    else throttle.failed(account.login, exchange.address)
    return isRight
  } finally {
    end()
  }
}

async function changePassword(visit: Visit, form: URLSearchParams): Promise<void> {
  const { ground, account, sessionUid } = visit
  const { accounts, entries, state } = ground
  const password = form.get('password') ?? ''
  const fault = passwordFault(password, state.accounts.passwordLengthMin)
  if (fault !== '') return show(visit, fault, '', 400)
  if (!(await isOwner(visit, form))) return show(visit, 'The password is wrong.', '', 403)
  await accounts.setPassword(account.id, password)
  // Whoever knew the old one may sit in another session.
  for (const session of await entries.list('Session', account.id)) {
    if (session.uid !== hashOf('uid', sessionUid)) await endSession(session, ground)
  }
  return show(visit, '', 'Your password is changed, and all other browsers are signed out.')
}

async function addPasskey(visit: Visit, step: string): Promise<void> {
  const { exchange, ground, account, sessionUid } = visit
  const { passkeys, look } = ground
  const message = await readScript(exchange, ground, sessionUid)
  if (step === '/passkeys/options') {
    return sendJson(exchange, await passkeys.beginAdding(account, sessionUid))
  }
  const name =
    typeof message.name === 'string' ? message.name.slice(0, ACCOUNT_TEXT_MAX) : 'A passkey'
  const isAdded = await passkeys.finishAdding(account, sessionUid, message.response, name)
  return isAdded
    ? sendJson(exchange, { location: `${look.base}/account` })
    : sendJson(exchange, { error: 'This passkey cannot be used.' }, 400)
}

async function show(visit: Visit, error: string, done: string, status = 200): Promise<void> {
  const { exchange, ground, account, sessionUid } = visit
  const { entries, vault, accounts, passkeys, look, state } = ground
  const [sessions, grants, keys, recoveryCodes] = await Promise.all([
    entries.list('Session', account.id),
    entries.list('Grant', account.id),
    passkeys.list(account.id),
    accounts.countRecoveryCodes(account.id),
  ])
  const page = accountPage({
    action: `${look.base}/account`,
    token: formToken(ground.formSecret, sessionUid),
    login: account.login,
    passwordLengthMin: state.accounts.passwordLengthMin,
    sessions: sessions.map((session) => {
      const { loginTs, authorizations = {} } = readPayload(session, vault)
      return {
        id: session.id,
        isThis: session.uid === hashOf('uid', sessionUid),
        since: dateOf(Number(loginTs) * 1000),
        clients: Object.keys(authorizations).filter((client) => client !== ACCOUNT_CLIENT),
      }
    }),
    grants: newestOfEach(grants).map(grantView),
    passkeys: keys.map(({ id, name, createdMs }) => ({ id, name, since: dateOf(createdMs) })),
    recoveryCodes,
    error,
    done,
  })
  sendPage(exchange, ground, page, status)
}

/** One line a client: what it was granted in several browsers goes together. */
function newestOfEach(grants: readonly StoredEntry[]): readonly StoredEntry[] {
  const seen = new Set<string | undefined>([ACCOUNT_CLIENT])
  return grants.filter(({ client }) => !seen.has(client) && seen.add(client))
}

function grantView(entry: StoredEntry) {
  return { id: entry.id, client: entry.client ?? '', scopes: scopesOf(entry) }
}

/** Everything that the grant covers; grants are stored in plain. */
export function scopesOf({ payload }: Pick<StoredEntry, 'payload'>): readonly string[] {
  const { openid, resources = {} } = JSON.parse(payload) as {
    readonly openid?: { readonly scope?: string }
    readonly resources?: Readonly<Record<string, string>>
  }
  const scopes = [openid?.scope, ...Object.values(resources)].flatMap(
    (one) => one?.split(' ') ?? [],
  )
  return [...new Set(scopes)].filter((scope) => scope !== '')
}

/** `2026-11-29 20:15`, UTC. */
function dateOf(ms: number): string {
  return Number.isFinite(ms) ? new Date(ms).toISOString().slice(0, 16).replace('T', ' ') : ''
}
