/** The shop's front page: products from the catalog, what others bought from recommendations, a button to order. */
import { Refusal, serve, urlOf } from './service.mjs'
import { script, style } from './web-assets.mjs'

const catalog = urlOf('catalog')
const recommendations = urlOf('recommendations')
/** Where people sign in; undefined: nobody does. */
const issuer = process.env.ISSUER
const assets = {
  'shop.css': { text: style, type: 'text/css; charset=utf-8' },
  'shop.js': { text: script, type: 'text/javascript; charset=utf-8' },
}

serve('web', {
  async 'GET /'({ call }) {
    const [products, popular] = await Promise.all([
      call(`${catalog}/products`),
      call(`${recommendations}/recommendations/popular`).catch(() => ({ isOk: false })),
    ])
    if (!products.isOk) throw new Refusal(503, 'the catalog did not answer')
    return {
      text: page(products.json.products, popular.isOk ? popular.json.products : []),
      type: 'text/html; charset=utf-8',
      headers: { 'content-security-policy': policy() },
    }
  },
  /** The gateway has looked at the token, and says who it is. */
  'GET /account'({ headers }) {
    const user = headers['x-shop-user']
    if (issuer === undefined || user === undefined) throw new Refusal(404, 'nobody signs in here')
    return { user }
  },
  'GET /assets/:name'({ params }) {
    const asset = assets[params.name]
    if (asset === undefined) throw new Refusal(404, `no asset is called ${params.name}`)
    return { ...asset, headers: { 'cache-control': 'max-age=60' } }
  },
})

function policy() {
  const connect = issuer === undefined ? '' : `; connect-src 'self' ${new URL(issuer).origin}`
  return `default-src 'self'; img-src 'self' data:; frame-ancestors 'none'${connect}`
}

function page(products, popular) {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Shop</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/assets/shop.css">
</head>
<body>
<header><h1>Shop</h1><p>Six services, two languages, one backplane.</p>
${issuer === undefined ? '' : `<button id="sign-in" data-issuer="${escape(issuer)}">Sign in</button> <a href="${escape(issuer)}/account">Your account</a>`}</header>
<main>
${popular.length === 0 ? '' : `<p class="popular">Others bought: ${popular.map((product) => escape(product.name)).join(', ')}</p>`}
<ul class="products">${products.map(card).join('')}</ul>
</main>
<output id="said" aria-live="polite"></output>
<script type="module" src="/assets/shop.js"></script>
</body>
</html>
`
}

function card({ id, name, about, cents }) {
  return `
<li><h2>${escape(name)}</h2><p>${escape(about)}</p>
<p><strong>${(cents / 100).toFixed(2)} €</strong> <button data-product="${escape(id)}">Order</button></p></li>`
}

function escape(text) {
  return String(text).replaceAll(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`)
}
