/**
 * Customers of the shop: journeys at a fixed rate against the gateway, whatever the answers are (an open loop: slow
 * answers do not slow the customers down). A summary line every ten seconds. `PUT / {"rate": 50}` changes the rate.
 */
import { Agent, request } from 'node:http'
import { log, Refusal, serve } from './services/service.mjs'

const gateway = new URL(process.env.BACKPLANE_GATEWAY_URL ?? 'http://127.0.0.1:8080')
const knob = { rate: readRate(process.env.RATE ?? 20) }
const journeysMax = 256
const latenciesMax = 20_000
const timeoutMs = 15_000
const agent = new Agent({ keepAlive: true, maxSockets: 64 })
const products =
  'anvil balloon compass drum easel flute globe hammock inkwell jigsaw kite lantern'.split(' ')
const words = ['north', 'hole', 'paper', 'week', 'iron', 'everything']
const people = ['ada', 'grace', 'margaret']

/** Each journey with its share of a hundred, its number of requests, and what it does. */
const journeys = [
  { name: 'browse', share: 50, requests: 3, walk: browse },
  { name: 'search', share: 25, requests: 2, walk: search },
  { name: 'buy', share: 15, requests: 2, walk: buy },
  { name: 'login', share: 10, requests: 2, walk: login },
]
const tickMs = 50
let running = 0
let credit = 0
let counts = newCounts()

serve('load', {
  'GET /': () => ({ ...knob }),
  'PUT /'({ body }) {
    knob.rate = readRate(body.rate)
    log('warn', 'load', 'the knob was turned', knob)
    return { ...knob }
  },
})
setInterval(spend, tickMs)
setInterval(report, 10_000)

/** Starts as many journeys as the rate has paid for since the last tick. */
function spend() {
  credit = Math.min(credit + (knob.rate * tickMs) / 1_000, knob.rate)
  while (credit > 0) {
    const journey = choose()
    credit -= journey.requests
    if (running >= journeysMax) {
      counts.leftOut += 1
      continue
    }
    running += 1
    counts.journeys += 1
    journey
      .walk()
      .catch((error) => {
        counts.lastError = `${journey.name}: ${error.message}`
      })
      .finally(() => {
        running -= 1
      })
  }
}

function choose() {
  let point = Math.random() * 100
  return journeys.find(({ share }) => (point -= share) < 0) ?? journeys[0]
}

async function browse() {
  await send('GET', '/')
  const product = any(products)
  await send('GET', `/api/catalog/products/${product}`)
  await send('GET', `/api/recommendations/${product}`)
}

async function search() {
  const { json } = await send('GET', `/api/catalog/products?q=${any(words)}`)
  const first = json?.products?.[0]?.id ?? any(products)
  await send('GET', `/api/catalog/products/${first}`)
}

async function buy() {
  await send('GET', '/')
  await send('POST', '/api/orders', { product: any(products), user: any(people), quantity: 1 })
}

async function login() {
  const { json } = await send('POST', '/api/users/login', { user: any(people), password: 'demo' })
  await send('GET', '/api/users/me', undefined, { authorization: `Bearer ${json?.token}` })
}

async function send(method, path, json, headers = {}) {
  const startedAt = performance.now()
  counts.requests += 1
  try {
    const answer = await exchange(method, path, json, headers)
    if (answer.status >= 400) {
      counts.failed += 1
      counts.lastError = `${method} ${path}: ${answer.status} ${answer.reason ?? ''}`.trim()
    }
    return answer
  } catch (error) {
    counts.failed += 1
    throw new Error(`${method} ${path}: ${error.message}`, { cause: error })
  } finally {
    if (counts.latencies.length < latenciesMax) counts.latencies.push(performance.now() - startedAt)
  }
}

function exchange(method, path, json, headers) {
  const body = json === undefined ? undefined : JSON.stringify(json)
  const typed =
    body === undefined
      ? {}
      : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
  return new Promise((resolve, reject) => {
    const options = { method, agent, headers: { ...headers, ...typed } }
    const sent = request(new URL(path, gateway), options, (response) => {
      const parts = []
      response.on('error', reject)
      response.on('data', (part) => parts.push(part))
      response.on('end', () =>
        resolve({
          status: response.statusCode,
          reason: response.headers['backplane-reason'],
          json: parse(Buffer.concat(parts)),
        }),
      )
    })
    sent.setTimeout(timeoutMs, () => sent.destroy(new Error(`no answer in ${timeoutMs} ms`)))
    sent.on('error', reject)
    sent.end(body)
  })
}

function report() {
  const { latencies, ...rest } = counts
  latencies.sort((one, other) => one - other)
  const at = (share) => Math.round(latencies[Math.floor(latencies.length * share)] ?? 0)
  log(
    rest.failed === 0 ? 'info' : 'warn',
    'load',
    `${rest.requests} requests, ${rest.failed} failed`,
    {
      ...rest,
      running,
      p50Ms: at(0.5),
      p95Ms: at(0.95),
      p99Ms: at(0.99),
    },
  )
  counts = newCounts()
}

function newCounts() {
  return { journeys: 0, requests: 0, failed: 0, leftOut: 0, lastError: undefined, latencies: [] }
}

function parse(bytes) {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return undefined
  }
}

function any(list) {
  return list[Math.floor(Math.random() * list.length)]
}

function readRate(raw) {
  const rate = Number(raw)
  if (!(rate >= 0 && rate <= 2_000))
    throw new Refusal(400, `a rate is a number from 0 to 2000, not ${raw}`)
  return rate
}
