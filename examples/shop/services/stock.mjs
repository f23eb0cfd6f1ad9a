/** How many of each product there are: a service of gRPC (stock.proto). Deliveries come in and parcels go out all the time. */
import { setTimeout as wait } from 'node:timers/promises'
import { CallError, serveCalls, status } from './grpc.mjs'
import { log } from './service.mjs'

const ids = 'anvil balloon compass drum easel flute globe hammock inkwell jigsaw kite lantern'
const levels = new Map(ids.split(' ').map((id, place) => [id, 10 + ((place * 7) % 40)]))

setInterval(() => {
  for (const [id, count] of levels) levels.set(id, count < 5 ? count + 40 : count - (count % 3))
}, 1_000).unref()

function levelOf(id) {
  const count = levels.get(id)
  if (count === undefined) throw new CallError(status.notFound, `no product is called ${id}`)
  return { 1: id, 2: count }
}

serveCalls(
  {
    '/shop.Stock/Available': ({ 1: id }) => levelOf(id),
    '/shop.Stock/Watch': async ({ 1: id }, stream) => {
      const first = levelOf(id)
      return (async function* changes() {
        yield first
        let last = first[2]
        while (!stream.destroyed) {
          await wait(250)
          const level = levelOf(id)
          if (level[2] !== last) yield level
          last = level[2]
        }
      })()
    },
  },
  { log: (level, message, fields) => log(level, 'stock', message, fields) },
)
