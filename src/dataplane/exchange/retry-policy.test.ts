import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ServiceSpec } from '../../contracts/snapshot.ts'
import { get, reasonIn, say, startGateway } from '../testing/setup.ts'
import { OK, startAnsweringUpstream, startRawUpstream } from '../testing/sockets.ts'

const roundRobin = { algorithm: 'round-robin', slowStartMs: 0, cookie: 'x' } as const
const plenty = { attempts: 2, budgetRatio: 1, reservePerSecond: 100 }
const ejection = { failures: 0, baseMs: 500, maxMs: 500, shareMax: 0.5 }
const body = 'Content-Length: 2\r\n\r\nno'

/** A bad instance that always comes first, and a good one. */
async function pair(
  t: Parameters<typeof startGateway>[0],
  bad: string,
  retry: Partial<ServiceSpec['retry']>,
  change: Partial<ServiceSpec> = {},
) {
  const first = await startAnsweringUpstream(bad)
  const second = await startAnsweringUpstream(OK)
  t.after(() => (first.close(), second.close()))
  const service = { balance: roundRobin, ejection, retry: { ...plenty, ...retry }, ...change }
  const gateway = await startGateway(t, [first.port, second.port], { service })
  return { gateway, first, second }
}

async function ask(...[t, gateway, bytes]: Parameters<typeof say>): Promise<string> {
  const { reader, socket } = say(t, gateway, bytes)
  const answer = await reader.until(/\r\n\r\n(ok|no|\{[^]*\})/)
  socket.destroy()
  return answer
}

for (const [what, head, on, isRetried] of [
  ['a status that is named', 'HTTP/1.1 503 Busy', [503], true],
  ['one that is not named', 'HTTP/1.1 500 Oops', [503], false],
  ['any of a gateway', 'HTTP/1.1 504 Late', ['gateway-error'], true],
  ['any of 5xx', 'HTTP/1.1 599 Odd', ['5xx'], true],
  ['an answer that is marked', 'HTTP/1.1 409 Later\r\nRetriable: true', ['retriable-header'], true],
  [
    'one that says that it is not',
    'HTTP/1.1 409 Later\r\nRetriable: false',
    ['retriable-header'],
    false,
  ],
  ['a wait that is worth it', 'HTTP/1.1 503 Busy\r\nRetry-After: 0', [503], true],
  ['a wait of a year', 'HTTP/1.1 503 Busy\r\nRetry-After: 31536000', [503], false],
  [
    'a date of 1970',
    'HTTP/1.1 503 Busy\r\nRetry-After: Thu, 01 Jan 1970 00:00:00 GMT',
    [503],
    true,
  ],
  ['nonsense for a wait', 'HTTP/1.1 503 Busy\r\nRetry-After: soon', [503], true],
  [
    'a rate limit that is renewed too late',
    'HTTP/1.1 429 Slow\r\nRateLimit-Reset: 9999',
    [429],
    false,
  ],
] as const) {
  test(`tried again: ${what}: ${isRetried}`, async (t) => {
    const { gateway, first, second } = await pair(t, `${head}\r\n${body}`, { on: [...on] })
    const answers = [await ask(t, gateway, get('/1')), await ask(t, gateway, get('/2'))]
    const bad = answers.filter((answer) => answer.endsWith('no'))
    assert.equal(bad.length, isRetried ? 0 : 1)
    assert.equal(
      first.heads.length,
      isRetried ? 2 : 1,
      'a further attempt took the turn of the good one',
    )
    assert.equal(second.heads.length, isRetried ? 2 : 1)
  })
}

test('the last answer is passed on, whoever it is of', async (t) => {
  const answer = `HTTP/1.1 503 Busy\r\n${body}`
  const { gateway, first } = await pair(t, answer, { on: [503] })
  const other = await startAnsweringUpstream(answer)
  t.after(() => other.close())
  await gateway.update([
    {
      op: 'instance-gone',
      service: 'echo',
      id: [...gateway.worker.context.services.get('echo')!.instances.keys()][1]!,
    },
  ])
  assert.match(await ask(t, gateway, get()), /^HTTP\/1\.1 503 [^]*no$/)
  assert.equal(first.heads.length, 1)
})

test('a POST is tried again only where the instance says that it did nothing', async (t) => {
  const post = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi'
  const plain = await pair(t, `HTTP/1.1 503 Busy\r\n${body}`, { on: [503] })
  const answers = [await ask(t, plain.gateway, post), await ask(t, plain.gateway, post)]
  assert.equal(answers.filter((answer) => answer.endsWith('no')).length, 1)
  const marked = await pair(t, `HTTP/1.1 503 Busy\r\nRetriable: true\r\n${body}`, { on: [503] })
  for (let i = 0; i < 2; i++) assert.match(await ask(t, marked.gateway, post), /ok$/)
})

test('the next hop is told how often it was tried, and does not try as often itself', async (t) => {
  const { gateway, first, second } = await pair(t, `HTTP/1.1 503 Busy\r\n${body}`, { on: [503] })
  await ask(t, gateway, get('/a', 'X-Request-Attempt: 1\r\n'))
  await ask(t, gateway, get('/b'))
  const tries = [...first.heads, ...second.heads].map(
    (head) => /^x-request-attempt: (\d+)\r$/im.exec(head)?.[1],
  )
  assert.deepEqual(
    tries.filter((one) => one !== undefined),
    ['2', '2'],
  )
  const before = second.heads.length
  const answers: string[] = []
  for (let i = 0; i < 2; i++)
    answers.push(await ask(t, gateway, get('/c', 'X-Request-Attempt: 2\r\n')))
  assert.equal(answers.filter((answer) => answer.endsWith('no')).length, 1)
  assert.equal(second.heads.length, before + 1)
  assert.match(first.heads.at(-1)!, /^x-request-attempt: 2\r$/m)
})

test('a body goes again as it was, with the count before it', async (t) => {
  const put = 'PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello'
  const bad = await startRawUpstream()
  const good = await startRawUpstream()
  t.after(() => (bad.close(), good.close()))
  const service = { balance: roundRobin, ejection, retry: { ...plenty, on: [503] } }
  const gateway = await startGateway(t, [bad.port, good.port], { service })
  const { reader } = say(t, gateway, put)
  const accepted = [bad.accept(), good.accept()]
  const one = await Promise.race(accepted)
  await one.reader.until('\r\n\r\nhello')
  one.socket.write(`HTTP/1.1 503 Busy\r\n${body}`)
  const next = (await Promise.all(accepted)).find((each) => each !== one)!
  const sent = await next.reader.until('\r\n\r\nhello')
  assert.match(sent, /\r\nx-request-attempt: 2\r\n\r\nhello$/)
  next.socket.write(OK)
  await reader.until('ok')
})

test('between attempts it waits, and a client that leaves meanwhile ends it', async (t) => {
  const waits = { baseMs: 60_000, maxMs: 60_000, jitter: 'decorrelated' } as const
  const { gateway, first, second } = await pair(
    t,
    `HTTP/1.1 503 Busy\r\n${body}`,
    { on: [503], waits },
    { timeoutMs: 600_000 },
  )
  const { exchanges } = gateway.worker.context
  let waiting = say(t, gateway, get())
  if (!(await settled())) waiting = say(t, gateway, get())
  await settled()
  assert.equal(exchanges.length, 1)
  assert.equal(first.heads.length, 1)
  const before = second.heads.length
  waiting.socket.destroy()
  while (exchanges.length > 0) await new Promise(setImmediate)
  assert.equal(second.heads.length, before)

  /** Whether it waits now; false: it was answered. */
  async function settled(): Promise<boolean> {
    for (;;) {
      await new Promise(setImmediate)
      if (waiting.reader.text.endsWith('ok')) return false
      if (exchanges[0]?.failure === 'status') return true
    }
  }
})

test('the wait is over: the next attempt', async (t) => {
  const waits = { baseMs: 20, maxMs: 40, jitter: 'full' } as const
  const { gateway } = await pair(t, `HTTP/1.1 503 Busy\r\n${body}`, { on: [503], waits })
  for (let i = 0; i < 2; i++) assert.match(await ask(t, gateway, get()), /ok$/)
  assert.ok(gateway.recent(2).some(({ attempts }) => attempts.length === 2))
})

test('what is not named is not tried again', async (t) => {
  const bad = await startRawUpstream()
  t.after(() => bad.close())
  const good = await startAnsweringUpstream(OK)
  t.after(() => good.close())
  const service = { balance: roundRobin, ejection, retry: { ...plenty, on: [503] } }
  const gateway = await startGateway(t, [bad.port, good.port], { service })
  const serve = async (): Promise<void> => {
    for (;;) {
      const { socket, reader } = await bad.accept()
      await reader.until('\r\n\r\n')
      socket.resetAndDestroy()
    }
  }
  void serve().catch(() => {})
  const answers = [await ask(t, gateway, get()), await ask(t, gateway, get())]
  assert.equal(
    answers.filter((answer) => reasonIn(answer) === 'ERR_GATEWAY_UPSTREAM_RESET').length,
    1,
  )
})

test('what the budget does not allow is counted, and why says so', async (t) => {
  const { gateway, second } = await pair(t, `HTTP/1.1 503 Busy\r\n${body}`, {
    on: [503],
    budgetRatio: 0,
    reservePerSecond: 0.1,
  })
  assert.match(await ask(t, gateway, get()), /^HTTP\/1\.1 200/)
  const answers = [await ask(t, gateway, get()), await ask(t, gateway, get())]
  assert.ok(answers.some((answer) => answer.startsWith('HTTP/1.1 503 Busy')))
  assert.ok(second.heads.length > 0)
  const service = gateway.worker.context.services.get('echo')!
  assert.ok(service.counts.retriesRefused >= 1)
  const notes = gateway.recent(3).flatMap(({ policies }) => policies)
  const note = notes.find(({ policy }) => policy === 'retry')
  assert.deepEqual(note, {
    policy: 'retry',
    decision: 'none: the budget of the last ten seconds is used up',
    value: 1,
  })
})
