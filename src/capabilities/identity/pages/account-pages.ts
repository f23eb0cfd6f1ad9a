import { html, type Html } from './html.ts'
import type { Page } from './layout.ts'

/** A browser that is signed in. */
export interface SessionView {
  readonly id: string
  readonly isThis: boolean
  readonly since: string
  readonly clients: readonly string[]
}

/** A client that holds something. */
export interface GrantView {
  readonly id: string
  readonly client: string
  readonly scopes: readonly string[]
}

/** A key that opens the account. */
export interface PasskeyView {
  readonly id: string
  readonly name: string
  readonly since: string
}

/** Everything on the page of an account. */
export interface AccountView {
  /** `/identity/account`. */
  readonly action: string
  readonly token: string
  readonly login: string
  readonly passwordLengthMin: number
  readonly sessions: readonly SessionView[]
  readonly grants: readonly GrantView[]
  readonly passkeys: readonly PasskeyView[]
  readonly recoveryCodes: number
  readonly error: string
  readonly done: string
}

/** The page where people look after their own account. */
export function accountPage(view: AccountView): Page {
  const { action, token, error, done, passwordLengthMin } = view
  const hidden = html`<input type="hidden" name="form_token" value="${token}" />`
  const row = (id: string, path: string, word: string, text: Html) =>
    html`<li>
      ${text}
      <form method="post" action="${action}/${path}">
        ${hidden}<input type="hidden" name="id" value="${id}" /><button class="plain">
          ${word}
        </button>
      </form>
    </li>`
  const sessions = view.sessions.map((one) =>
    row(
      one.id,
      'sessions/end',
      one.isThis ? 'Sign out' : 'Sign out there',
      html`${one.isThis ? 'This browser' : 'A browser'}, since
      ${one.since}${one.clients.length === 0 ? '' : `, at ${one.clients.join(', ')}`}`,
    ),
  )
  const grants = view.grants.map((one) =>
    row(
      one.id,
      'grants/end',
      'Take access away',
      html`<strong>${one.client}</strong>: ${one.scopes.join(', ')}`,
    ),
  )
  const passkeys = view.passkeys.map((one) =>
    row(one.id, 'passkeys/remove', 'Remove', html`${one.name}, since ${one.since}`),
  )
  const body = html`${error === '' ? undefined : html`<p class="error" role="alert">${error}</p>`}
    ${done === '' ? undefined : html`<p role="status">${done}</p>`}
    <p>You are <strong>${view.login}</strong>.</p>
    <h2>Where you are signed in</h2>
    <ul class="rows">
      ${sessions}
    </ul>
    <h2>What has access</h2>
    ${
      grants.length === 0
        ? html`<p class="hint">Nothing.</p>`
        : html`<ul class="rows">
            ${grants}
          </ul>`
    }
    <h2>Passkeys</h2>
    <ul class="rows">
      ${passkeys}
    </ul>
    <div id="passkey-add" hidden data-action="${action}/passkeys" data-token="${token}">
      <button type="button" class="plain">Add a passkey</button>
      <p class="error" role="alert" hidden></p>
    </div>
    <h2>Password</h2>
    <form method="post" action="${action}/password">
      ${hidden}
      <label for="current">Present password</label>
      <input id="current" name="current" type="password" autocomplete="current-password" required />
      <label for="password">New password</label>
      <input
        id="password"
        name="password"
        type="password"
        autocomplete="new-password"
        minlength="${passwordLengthMin}"
        required
      />
      <button>Change it</button>
    </form>
    <h2>Recovery codes</h2>
    <p>${view.recoveryCodes} are left.</p>
    <form method="post" action="${action}/recovery-codes">
      ${hidden}
      <label for="confirm">Password</label>
      <input id="confirm" name="current" type="password" autocomplete="current-password" required />
      <button>Make ten new ones</button>
    </form>`
  return { title: 'Your account', body, hasScript: true }
}

/** Shown once. */
export function recoveryCodesPage(action: string, codes: readonly string[]): Page {
  const body = html`<p>
      Keep these where you find them without this account. Each works once. They are not shown
      again.
    </p>
    <ul class="codes">
      ${codes.map((code) => html`<li>${code}</li>`)}
    </ul>
    <p class="links"><a href="${action}">I have kept them</a></p>`
  return { title: 'Your recovery codes', body }
}
