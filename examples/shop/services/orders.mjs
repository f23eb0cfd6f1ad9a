/** Takes orders: asks the catalog for the price and users for the buyer, and has payments charge for it. */
import { randomUUID } from 'node:crypto'
import { createBoundedMap, Refusal, serve, urlOf } from './service.mjs'

const catalog = urlOf('catalog')
const users = urlOf('users')
const payments = urlOf('payments')

/** In memory, and of this instance alone: the shop is about the traffic, not about the data. */
const orders = createBoundedMap(1_000)

serve('orders', {
  async 'POST /orders'({ body, call, note }) {
    const wanted = readOrder(body)
    const [product, user] = await Promise.all([
      call(`${catalog}/products/${encodeURIComponent(wanted.product)}`),
      call(`${users}/users/${encodeURIComponent(wanted.user)}`),
    ])
    if (product.status === 404) throw new Refusal(422, `no product is called ${wanted.product}`)
    if (user.status === 404) throw new Refusal(422, `no user is called ${wanted.user}`)
    if (!product.isOk || !user.isOk) throw new Refusal(503, 'catalog or users did not answer')
    const id = randomUUID()
    const cents = product.json.cents * wanted.quantity
    const charge = await call(`${payments}/charges`, { method: 'POST', json: { order: id, cents } })
    if (!charge.isOk) throw new Refusal(503, 'the payment did not go through, nothing was ordered')
    const order = { id, ...wanted, cents, charge: charge.json.id }
    orders.set(id, order)
    note({ order: id, cents })
    return { status: 201, json: order }
  },
  'GET /orders': () => ({ orders: [...orders.values()].slice(-20).reverse() }),
})

function readOrder({ product, user, quantity = 1 }) {
  if (typeof product !== 'string' || typeof user !== 'string') {
    throw new Refusal(400, 'an order names a product and a user')
  }
  if (!Number.isInteger(quantity) || quantity < 1 || quantity > 100) {
    throw new Refusal(400, 'a quantity is a number from 1 to 100')
  }
  return { product, user, quantity }
}
