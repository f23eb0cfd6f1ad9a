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
`
