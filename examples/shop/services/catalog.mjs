/** What the shop sells. Read only, the same in every instance. How many there are says stock, which speaks gRPC; without it a product is shown without. */
import { callsOf } from './grpc.mjs'
import { Refusal, serve } from './service.mjs'

const rows = [
  ['anvil', 'Anvil', 'Thirty kilos of honest iron', 8900],
  ['balloon', 'Balloon', 'Holds its breath for a week', 150],
  ['compass', 'Compass', 'Points north and keeps its opinions to itself', 2400],
  ['drum', 'Drum', 'Neighbours sold separately', 12900],
  ['easel', 'Easel', 'Stands still while you decide', 5400],
  ['flute', 'Flute', 'A long hole with smaller holes', 7300],
  ['globe', 'Globe', 'Everything on it is somewhere', 3900],
  ['hammock', 'Hammock', 'For deadlines that can wait', 4700],
  ['inkwell', 'Inkwell', 'Commits that cannot be amended', 1800],
  ['jigsaw', 'Jigsaw', 'A thousand pieces, one is under the sofa', 2900],
  ['kite', 'Kite', 'Horizontal scaling for paper', 2100],
  ['lantern', 'Lantern', 'Observability for forests', 3300],
]
const products = rows.map(([id, name, about, cents]) => ({ id, name, about, cents }))
const byId = new Map(products.map((product) => [product.id, product]))
const pageSizeMax = 50
const { STOCK_URL } = process.env
const stock = STOCK_URL === undefined ? undefined : callsOf(STOCK_URL)

serve('catalog', {
  'GET /products'({ query }) {
    const words = (query.get('q') ?? '').toLowerCase().slice(0, 100)
    const limit = Math.min(Number(query.get('limit')) || pageSizeMax, pageSizeMax)
    const found = products.filter((product) => textOf(product).includes(words))
    return { products: found.slice(0, limit) }
  },
  async 'GET /products/:id'({ params, headers, note }) {
    const product = byId.get(params.id)
    if (product === undefined) throw new Refusal(404, `no product is called ${params.id}`)
    if (stock === undefined) return product
    try {
      const { 2: available = 0 } = await stock('/shop.Stock/Available', { 1: product.id }, headers)
      return { ...product, available }
    } catch (error) {
      note({ stock: error.message })
      return product
    }
  },
})

function textOf(product) {
  return `${product.name} ${product.about}`.toLowerCase()
}
