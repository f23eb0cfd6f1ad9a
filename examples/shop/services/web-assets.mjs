/** What the front page's browser loads: no framework, no build. */
export const style = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 64rem; padding: 1rem; }
h1, h2, p { margin: 0 0 .25rem; }
h2 { font-size: 1.1rem; }
.products { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(14rem, 1fr)); list-style: none; padding: 0; }
.products li { border: 1px solid color-mix(in srgb, currentColor 25%, transparent); border-radius: .5rem; padding: 1rem; }
button { border-radius: .4rem; cursor: pointer; font: inherit; padding: .25rem .75rem; }
output { bottom: 1rem; position: fixed; right: 1rem; }
`

export const script = `
const said = document.querySelector('#said')
document.querySelector('.products').addEventListener('click', async ({ target }) => {
  const { product } = target.dataset
  if (product === undefined) return
  target.disabled = true
  said.textContent = 'Ordering…'
  const response = await fetch('/api/orders', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ product, user: 'ada', quantity: 1 }),
  }).catch(() => undefined)
  const answer = await response?.json().catch(() => undefined)
  said.textContent = response?.ok
    ? 'Ordered: ' + answer.product + ', ' + (answer.cents / 100).toFixed(2) + ' €'
    : 'Not ordered: ' + (answer?.error ?? answer?.detail ?? 'no answer')
  target.disabled = false
})

// Signing in: the code flow with PKCE, as any OIDC library does it. The token stays in this page.
const button = document.querySelector('#sign-in')
const here = location.origin + '/'
const base64url = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')

button?.addEventListener('click', async () => {
  const verifier = base64url(crypto.getRandomValues(new Uint8Array(32)))
  const state = base64url(crypto.getRandomValues(new Uint8Array(16)))
  sessionStorage.setItem('sign-in', JSON.stringify({ verifier, state }))
  const challenge = base64url(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier)))
  location.assign(button.dataset.issuer + '/auth?' + new URLSearchParams({
    client_id: 'shop-web', response_type: 'code', redirect_uri: here, scope: 'openid profile account:read',
    state, code_challenge: challenge, code_challenge_method: 'S256',
  }))
})

async function finishSignIn(answer) {
  const begun = JSON.parse(sessionStorage.getItem('sign-in') ?? '{}')
  sessionStorage.removeItem('sign-in')
  history.replaceState(null, '', '/')
  if (answer.get('state') !== begun.state || !answer.has('code')) throw new Error(answer.get('error') ?? 'begun elsewhere')
  const response = await fetch(button.dataset.issuer + '/token', {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'authorization_code', client_id: 'shop-web', redirect_uri: here,
      code: answer.get('code'), code_verifier: begun.verifier,
    }),
  })
  const tokens = await response.json()
  if (!response.ok) throw new Error(tokens.error)
  const account = await fetch('/api/account', { headers: { authorization: 'Bearer ' + tokens.access_token } })
  if (!account.ok) throw new Error('the gateway said ' + account.status)
  const claims = JSON.parse(atob(tokens.id_token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')))
  button.textContent = 'Signed in as ' + claims.name
  button.dataset.user = (await account.json()).user
}

const answer = new URLSearchParams(location.search)
if (button !== null && (answer.has('code') || answer.has('error'))) {
  finishSignIn(answer).catch((error) => { said.textContent = 'Not signed in: ' + error.message })
}
`
