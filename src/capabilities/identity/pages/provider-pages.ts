import type { KoaContextWithOIDC } from 'oidc-provider'
import { html, trusted } from './html.ts'
import { formTargetOf, pageHeaders, renderPage, type Page, type PageLook } from './layout.ts'

/** What the device said of itself, and how the client is called. */
interface NamedClient {
  readonly clientId: string
  readonly clientName?: string | undefined
}

function send(ctx: KoaContextWithOIDC, page: Page, look: PageLook): void {
  for (const [name, value] of Object.entries(pageHeaders(page))) ctx.set(name, value)
  ctx.body = renderPage(page, look)
}

function nameOf(client: NamedClient | undefined): string {
  return client?.clientName ?? client?.clientId ?? ''
}

/** A request that cannot be answered to its client: nothing is redirected anywhere. */
export function errorPage(
  ctx: KoaContextWithOIDC,
  out: { readonly error: string; readonly error_description?: string | undefined },
  look: PageLook,
): void {
  const body = html`<p>${out.error_description ?? 'The request cannot be answered.'}</p>
    <p class="hint">
      Code: <code>${out.error}</code>. Go back to where you came from and try again.
    </p>`
  send(ctx, { title: 'That did not work', body }, look)
}

/** Pages of the device grant (RFC 8628): type the code, compare it, done. */
export function devicePages(look: PageLook) {
  return {
    userCodeInputSource(
      ctx: KoaContextWithOIDC,
      form: string,
      _out?: unknown,
      error?: { readonly name?: string; readonly userCode?: string },
    ): void {
      const isAborted = error?.name === 'AbortedError'
      const said = isAborted
        ? 'The sign-in was cancelled.'
        : 'There is no such code, or its time is over.'
      const body = html`${error === undefined ? undefined : html`<p class="error" role="alert">${said}</p>`}
        <p>Type the code that your device shows.</p>
        ${trusted(withoutScript(form))}
        <button type="submit" form="op.deviceInputForm">Go on</button>`
      send(ctx, { title: 'Connect a device', body }, look)
    },
    userCodeConfirmSource(
      ctx: KoaContextWithOIDC,
      form: string,
      client: NamedClient,
      _info: unknown,
      code: string,
    ): void {
      const body = html`<p>
          <strong>${nameOf(client)}</strong> asks to sign in as you. Your device must show this code
          now:
        </p>
        <p class="code">${code}</p>
        <p class="hint">If you did not begin this, or the code is another one, cancel.</p>
        ${trusted(form)}
        <button type="submit" form="op.deviceConfirmForm">Yes, it is the same code</button>
        <button type="submit" form="op.deviceConfirmForm" class="plain" name="abort" value="yes">
          Cancel
        </button>`
      send(ctx, { title: 'Is this your device?', body }, look)
    },
    successSource(ctx: KoaContextWithOIDC): void {
      const body = html`<p>Your device is signed in. You can close this page.</p>`
      send(ctx, { title: 'Connected', body }, look)
    },
  }
}

/** Pages of the logout that a client begins. */
export function logoutPages(look: PageLook) {
  return {
    logoutSource(ctx: KoaContextWithOIDC, form: string): void {
      const { state } = (ctx.oidc.session ?? {}) as { state?: { postLogoutRedirectUri?: string } }
      const body = html`<p>
          You are signed in at ${look.system}. Sign out here and everywhere that this browser went
          from here?
        </p>
        ${trusted(form)}
        <button type="submit" form="op.logoutForm" name="logout" value="yes">Sign out</button>
        <button type="submit" form="op.logoutForm" class="plain">Stay signed in</button>`
      const formTargets = formTargetOf(state?.postLogoutRedirectUri)
      send(ctx, { title: 'Sign out', body, formTargets }, look)
    },
    postLogoutSuccessSource(ctx: KoaContextWithOIDC): void {
      send(ctx, { title: 'Signed out', body: html`<p>You are signed out.</p>` }, look)
    },
  }
}

/** The server's form has a handler in an attribute, which our policy would refuse with a message in the browser's log, and no label. */
function withoutScript(form: string): string {
  return form
    .replaceAll(/\son\w+="[^"]*"/g, '')
    .replace('<input\n', '<label for="user_code">Code</label><input id="user_code"\n')
}
