import { html, type Html } from './html.ts'
import { formTargetOf, type Page } from './layout.ts'

/** What every page of one sign-in knows. */
export interface SignInView {
  /** `/identity/interaction/UID`. */
  readonly action: string
  readonly token: string
  /** How the client calls itself. */
  readonly client: string
  readonly redirectUri: unknown
  readonly mayRegister: boolean
  readonly login: string
  /** What went wrong; '' for nothing. */
  readonly error: string
}

function hidden({ token }: Pick<SignInView, 'token'>): Html {
  return html`<input type="hidden" name="form_token" value="${token}" />`
}

function said(error: string): Html | undefined {
  return error === '' ? undefined : html`<p class="error" role="alert">${error}</p>`
}

function cancel({ action, token }: SignInView): Html {
  return html`<form method="post" action="${action}/cancel">
    ${hidden({ token })}<button class="plain">Cancel</button>
  </form>`
}

/** Name and password. */
export function signInPage(view: SignInView): Page {
  const { action, client, login, mayRegister } = view
  const register = mayRegister ? html`<a href="${action}/register">Make an account</a>` : undefined
  const body = html`${said(view.error)}
    <p>To go on to <strong>${client}</strong>.</p>
    <form method="post" action="${action}/login" id="sign-in">
      ${hidden(view)}
      <label for="login">Name or e-mail</label>
      <input
        id="login"
        name="login"
        value="${login}"
        autocomplete="username webauthn"
        autocapitalize="none"
        spellcheck="false"
        required
      />
      <label for="password">Password</label>
      <input
        id="password"
        name="password"
        type="password"
        autocomplete="current-password"
        required
      />
      <button>Sign in</button>
    </form>
    <div id="passkey" hidden data-action="${action}/passkey" data-token="${view.token}">
      <button type="button" class="plain">Sign in with a passkey</button>
      <p class="error" role="alert" hidden></p>
    </div>
    <p class="links">${register} <a href="${action}/recover">Use a recovery code</a></p>
    ${cancel(view)}`
  return { title: 'Sign in', body, formTargets: formTargetOf(view.redirectUri), hasScript: true }
}

/** A new account. */
export function registerPage(view: SignInView & { readonly passwordLengthMin: number }): Page {
  const { action, passwordLengthMin } = view
  const body = html`${said(view.error)}
    <form method="post" action="${action}/register">
      ${hidden(view)}
      <label for="login">Name or e-mail</label>
      <input
        id="login"
        name="login"
        value="${view.login}"
        autocomplete="username"
        autocapitalize="none"
        spellcheck="false"
        required
      />
      <label for="name">How you are called</label>
      <input id="name" name="name" autocomplete="name" />
      <label for="password">Password</label>
      <input
        id="password"
        name="password"
        type="password"
        autocomplete="new-password"
        minlength="${passwordLengthMin}"
        aria-describedby="rule"
        required
      />
      <p class="hint" id="rule">
        At least ${passwordLengthMin} characters. A sentence is better than a word.
      </p>
      <button>Make the account</button>
    </form>
    <p class="links"><a href="${action}">I have one</a></p>`
  return { title: 'Make an account', body, formTargets: formTargetOf(view.redirectUri) }
}

/** A code from paper, and a new password. */
export function recoverPage(view: SignInView & { readonly passwordLengthMin: number }): Page {
  const { action, passwordLengthMin } = view
  const body = html`${said(view.error)}
    <p>Each of your recovery codes works once. With it you choose a new password.</p>
    <form method="post" action="${action}/recover">
      ${hidden(view)}
      <label for="login">Name or e-mail</label>
      <input
        id="login"
        name="login"
        value="${view.login}"
        autocomplete="username"
        autocapitalize="none"
        spellcheck="false"
        required
      />
      <label for="code">Recovery code</label>
      <input
        id="code"
        name="code"
        autocomplete="off"
        autocapitalize="none"
        spellcheck="false"
        required
      />
      <label for="password">New password</label>
      <input
        id="password"
        name="password"
        type="password"
        autocomplete="new-password"
        minlength="${passwordLengthMin}"
        required
      />
      <button>Go on</button>
    </form>
    <p class="links"><a href="${action}">Back</a></p>`
  return { title: 'Recover your account', body, formTargets: formTargetOf(view.redirectUri) }
}

const MEANINGS: ReadonlyMap<string, string> = new Map([
  ['openid', 'know that it is you'],
  ['profile', 'know your name'],
  ['email', 'know your e-mail address'],
  ['roles', 'know your roles'],
  ['groups', 'know your groups'],
  ['offline_access', 'stay signed in while you are away'],
])

/** What the client asks for, in words where we have them. */
export function consentPage(
  view: SignInView & { readonly scopes: readonly string[]; readonly audiences: readonly string[] },
): Page {
  const { action, client, scopes, audiences } = view
  const items = scopes.map((scope) => html`<li>${MEANINGS.get(scope) ?? scope}</li>`)
  const where =
    audiences.length === 0 ? undefined : html`<p class="hint">At ${audiences.join(', ')}.</p>`
  const body = html`<p><strong>${client}</strong> wants to:</p>
    <ul>
      ${items}
    </ul>
    ${where}
    <form method="post" action="${action}/consent">
      ${hidden(view)}
      <button>Allow</button>
    </form>
    ${cancel(view)}`
  return { title: 'Allow access?', body, formTargets: formTargetOf(view.redirectUri) }
}
