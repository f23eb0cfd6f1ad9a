// From a system with Consul, and as it was there: it registers itself as `shipping`, says that it lives, and deregisters when it ends.
// It finds Consul by CONSUL_HTTP_ADDR; that Backplane answers there makes no difference to it. Node's built-ins only.
import { log, serve } from './service.mjs'

const id = `shipping-${process.env.BACKPLANE_INSTANCE ?? process.pid}`
const consul = process.env.CONSUL_HTTP_ADDR
const beatMs = 3_000

const routes = {
  'GET /shipping/:country': ({ params }) => ({
    country: params.country,
    days: params.country === 'at' ? 1 : 4,
    cents: params.country === 'at' ? 390 : 1_290,
  }),
}
const server = serve('shipping', routes, { beforeStop: () => put(`service/deregister/${id}`) })

if (consul === undefined)
  log('warn', 'shipping', 'CONSUL_HTTP_ADDR is not set: nobody will find it')
else server.once('listening', () => void stay())

/** Registers, and beats for as long as it runs; whoever forgot it meanwhile is told again. */
async function stay() {
  let isKnown = false
  for (;;) {
    isKnown = isKnown ? await put(`check/pass/service:${id}`) : await register()
    await new Promise((done) => setTimeout(done, isKnown ? beatMs : 500).unref())
  }
}

async function register() {
  const done = await put('service/register', {
    ID: id,
    Name: 'shipping',
    Address: '127.0.0.1',
    Port: server.address().port,
    Check: { TTL: '10s', Status: 'passing', DeregisterCriticalServiceAfter: '30s' },
  })
  if (done) log('info', 'shipping', 'registered in Consul', { consul, id })
  return done
}

async function put(path, body) {
  try {
    const answer = await fetch(`http://${consul}/v1/agent/${path}`, {
      method: 'PUT',
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(2_000),
    })
    return answer.ok
  } catch {
    return false
  }
}
