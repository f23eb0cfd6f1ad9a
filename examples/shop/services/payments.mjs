/**
 * Charges cards: slow and flaky, as much as its knob says. `PUT / {"delayMs": 800, "failPercent": 20}` turns it while
 * it runs, `"seconds": 20` turns it back by itself; DELAY_MS and FAIL_PERCENT are where it begins. Each instance has its own.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { log, Refusal, serve } from './service.mjs'

const knob = {
  delayMs: readNumber(process.env.DELAY_MS ?? 20, 0, 60_000),
  failPercent: readNumber(process.env.FAIL_PERCENT ?? 0, 0, 100),
}
const first = { ...knob }
let turningBack

serve('payments', {
  async 'POST /charges'({ body, headers }) {
    const { order, cents } = body
    if (typeof order !== 'string' || !Number.isInteger(cents)) {
      throw new Refusal(400, 'a charge names its order and the cents')
    }
    const requestId = headers['x-request-id']
    log('info', 'payments', 'asking the bank', { order, cents, requestId })
    await sleep(knob.delayMs * (0.75 + Math.random() / 2))
    if (Math.random() * 100 < knob.failPercent) {
      log('error', 'payments', 'the bank hung up', { order, cents, requestId })
      throw new Refusal(503, 'the bank hung up')
    }
    return { status: 201, json: { id: randomUUID(), order, cents } }
  },
  'GET /': () => ({ ...knob }),
  'PUT /'({ body }) {
    if (body.delayMs !== undefined) knob.delayMs = readNumber(body.delayMs, 0, 60_000)
    if (body.failPercent !== undefined) knob.failPercent = readNumber(body.failPercent, 0, 100)
    clearTimeout(turningBack)
    const seconds = readNumber(body.seconds ?? 0, 0, 3_600)
    if (seconds > 0) turningBack = setTimeout(turnBack, seconds * 1_000).unref()
    log('warn', 'payments', 'the knob was turned', knob)
    return { ...knob, seconds }
  },
})

function turnBack() {
  Object.assign(knob, first)
  log('warn', 'payments', 'the knob is back', knob)
}

function readNumber(raw, min, max) {
  const number = Number(raw)
  if (!(number >= min && number <= max))
    throw new Refusal(400, `${raw} is not from ${min} to ${max}`)
  return number
}
