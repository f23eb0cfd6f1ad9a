import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { type Fields, keptFields, type KeptAnswer, StaleCache, staleForMs } from './stale-cache.ts'

const fields = (lines: Readonly<Record<string, string>> = {}): Fields =>
  new Map(Object.entries(lines))
const control = (value: string): Fields => fields({ 'cache-control': value })
const HOUR = 3_600_000

test('what may be given out late is what RFC 9111 and RFC 5861 allow a shared cache', () => {
  const cases: readonly (readonly [Fields, Fields, number])[] = [
    [fields(), fields(), HOUR],
    [fields(), control('max-age=60'), HOUR],
    [fields(), control('no-store'), 0],
    [fields(), control('No-Cache'), 0],
    [fields(), control('private="x"'), 0],
    [fields(), control('max-age=60, must-revalidate'), 0],
    [fields(), control('proxy-revalidate'), 0],
    [fields(), control('s-maxage=60'), 0],
    [fields(), control('s-maxage=60, stale-if-error=30'), 30_000],
    [fields(), control('max-age=60, stale-if-error="30"'), 90_000],
    [fields(), control('max-age=60, stale-if-error=999999'), HOUR],
    [fields(), control('stale-if-error=soon'), 0],
    [control('no-store'), fields(), 0],
    [fields({ range: 'bytes=0-1' }), fields(), 0],
    [fields(), fields({ 'set-cookie': 'a=b' }), 0],
    [fields(), fields({ vary: 'accept, *' }), 0],
    [fields({ authorization: 'Bearer x' }), fields(), 0],
    [fields({ authorization: 'Bearer x' }), control('public'), HOUR],
    [fields({ cookie: 'a=b' }), control('max-age=60'), 0],
    [fields({ cookie: 'a=b' }), control('public, max-age=60'), HOUR],
  ]
  for (const [request, response, expected] of cases) {
    const said = `${JSON.stringify([...request])} ${JSON.stringify([...response])}`
    assert.equal(staleForMs(request, response, HOUR), expected, said)
  }
})

test('neither what is of a connection nor what is said anew is kept', () => {
  const response = fields({
    connection: 'x-hop',
    'x-hop': '1',
    date: 'today',
    'content-length': '2',
    'content-type': 'text/plain',
    etag: '"a"',
  })
  assert.deepEqual(
    keptFields(response).map(([name]) => name),
    ['content-type', 'etag'],
  )
})

const policy = { ageMsMax: HOUR, bytesMax: 3_000, bodyBytesMax: 500 }
const answer = (body: string, lines: KeptAnswer['fields'] = []): KeptAnswer => ({
  fields: lines,
  body: Buffer.from(body),
  keptAtMs: 0,
  untilMs: 1_000,
})

test('one answer a key and what it varies by; too late is never', () => {
  const cache = new StaleCache(policy)
  const vary = fields({ vary: 'Accept-Language' })
  const german = fields({ 'accept-language': 'de' })
  cache.keep('/a', german, vary, answer('hallo'))
  cache.keep('/a', fields({ 'accept-language': 'en' }), vary, answer('hello'))
  cache.keep('/a', german, vary, answer('guten Tag'))
  assert.equal(String(cache.find('/a', german, 0)?.body), 'guten Tag')
  assert.equal(cache.find('/a', fields(), 0), undefined)
  assert.equal(cache.find('/b', german, 0), undefined)
  assert.equal(cache.find('/a', german, 1_000), undefined)
})

test('what was for nobody in particular goes to somebody only where it is public', () => {
  const cache = new StaleCache(policy)
  const somebody = fields({ cookie: 'session=1' })
  cache.keep('/a', fields(), fields(), answer('x'))
  assert.equal(cache.find('/a', somebody, 0), undefined)
  cache.keep('/a', fields(), control('public'), answer('x', [['cache-control', 'public']]))
  assert.equal(String(cache.find('/a', somebody, 0)?.body), 'x')
})

test('never more bytes than allowed, and those that were used last stay', () => {
  const step = fc.record({
    key: fc.nat(12),
    size: fc.nat(600),
    accept: fc.nat(12),
    isRead: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const cache = new StaleCache(policy)
      for (const { key, size, accept, isRead } of steps) {
        const request = fields({ accept: `a${accept}` })
        if (isRead) {
          const found = cache.find(`/${key}`, request, 0)
          assert.ok(found === undefined || String(found.body).startsWith(`${key} ${accept} `))
          continue
        }
        const body = `${key} ${accept} ${'x'.repeat(size)}`
        cache.keep(`/${key}`, request, fields({ vary: 'accept' }), answer(body))
        assert.ok(cache.bytes <= policy.bytesMax && cache.bytes >= 0)
        if (size < 400) assert.equal(String(cache.find(`/${key}`, request, 0)?.body), body)
      }
    }),
  )
})

test('what is under way is bounded, too', () => {
  const cache = new StaleCache(policy)
  assert.ok(cache.hold(2_000))
  assert.ok(!cache.hold(1_001))
  cache.letGo(2_000)
  assert.ok(cache.hold(3_000))
})

test('what is kept holds on to no more than what is counted', () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const cache = new StaleCache({ ageMsMax: HOUR, bytesMax: 1024 * 1024, bodyBytesMax: 500 })
  const heap = (): number => {
    collect()
    return process.memoryUsage().heapUsed
  }
  const before = heap()
  for (let at = 0; at < 1_000; at++) {
    const head = `GET /path/${at} HTTP/1.1\r\ngzip, deflate, br, zstd\r\nx: ${'x'.repeat(32_768)}`
    const [line = '', value = ''] = Buffer.from(head).toString('latin1').split('\r\n')
    const request = fields({ 'accept-encoding': value })
    cache.keep(`${line}\na`, request, fields({ vary: 'accept-encoding' }), answer('x'))
  }
  assert.ok(heap() - before < 4 * cache.policy.bytesMax)
  assert.ok(cache.bytes > 500_000)
})
