/** The only script of our pages: it shows what needs WebAuthn where the browser has it. No other page needs any. */
export const PASSKEY_SCRIPT = `const can = typeof PublicKeyCredential === 'function' && 'parseCreationOptionsFromJSON' in PublicKeyCredential

async function post(url, message) {
  const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(message) })
  const value = await answer.json()
  if (!answer.ok) throw new Error(value.error ?? value.detail ?? 'That did not work.')
  return value
}

function offer(id, work) {
  const box = document.getElementById(id)
  if (!can || box === null) return
  box.hidden = false
  const [button] = box.getElementsByTagName('button')
  const [said] = box.getElementsByClassName('error')
  button.addEventListener('click', async () => {
    said.hidden = true
    try {
      location.assign(await work(box.dataset.action, box.dataset.token))
    } catch (error) {
      said.textContent = error.name === 'NotAllowedError' ? 'Nothing was chosen.' : error.message
      said.hidden = false
    }
  })
}

offer('passkey', async (action, form_token) => {
  const options = await post(action + '/options', { form_token })
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options)
  const credential = await navigator.credentials.get({ publicKey })
  const { location } = await post(action, { form_token, response: credential.toJSON() })
  return location
})

offer('passkey-add', async (action, form_token) => {
  const options = await post(action + '/options', { form_token })
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options)
  const credential = await navigator.credentials.create({ publicKey })
  const { location } = await post(action, { form_token, response: credential.toJSON() })
  return location
})
`
