import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isBelow, OriginError, parseOriginPattern } from './origin.ts'

test('origins as browsers send them, and patterns', () => {
  assert.deepEqual(parseOriginPattern('*'), { kind: 'any' })
  for (const origin of [
    'https://a.example',
    'http://localhost:3000',
    'null',
    'http://[::1]:8080',
    'capacitor://localhost',
  ])
    assert.deepEqual(parseOriginPattern(origin), { kind: 'exact', origin })
  assert.deepEqual(parseOriginPattern('https://*.example.com:8443'), {
    kind: 'below',
    prefix: 'https://',
    suffix: '.example.com:8443',
  })
})

test('what no browser sends is refused, with what to write', () => {
  const refused = {
    'https://a.example/': /write https:\/\/a\.example$/,
    'https://A.example': /write https:\/\/a\.example$/,
    'https://a.example:443': /write https:\/\/a\.example$/,
    'https://user@a.example': /write https:\/\/a\.example$/,
    'https://a.example/path': /write https:\/\/a\.example$/,
    'a.example': /is no origin/,
    '*.example.com': /is no origin/,
    'https://a*.example.com': /not the whole first label/,
    'https://*.*.example.com': /no host behind/,
    'https://*.': /is no origin/,
    'https://*.Example.com': /no host behind/,
    'https://*': /not the whole first label/,
    '': /is no origin/,
    NULL: /is no origin/,
  }
  for (const [text, message] of Object.entries(refused)) {
    assert.throws(
      () => parseOriginPattern(text),
      (error) => error instanceof OriginError && message.test(error.message),
      text,
    )
  }
})

test('below means whole labels before the rest, and nothing that ends the host early', () => {
  const pattern = { prefix: 'https://', suffix: '.example.com' }
  for (const origin of [
    'https://a.example.com',
    'https://a.b-c.example.com',
    'https://x_y.example.com',
  ])
    assert.equal(isBelow(pattern, origin), true, origin)
  for (const origin of [
    'https://example.com',
    'https://.example.com',
    'https://evilexample.com',
    'https://a.example.com.evil.org',
    'https://evil.org/.example.com',
    'https://evil.org?.example.com',
    'https://evil.org#.example.com',
    'https://evil.org:1.example.com',
    'https://evil.org@a.example.com',
    'https://evil.org\\.example.com',
    'https://evil.org%2f.example.com',
    'https://a..example.com',
    'https://a.example.com:8443',
    'http://a.example.com',
    'https://A.example.com',
    'https://a.example.com, https://b.example.com',
    'https://',
    'null',
    '',
  ])
    assert.equal(isBelow(pattern, origin), false, origin)
})

test('whatever is below is a URL whose host really ends in the suffix', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary-ascii', maxLength: 20 }), (label) => {
      const origin = `https://${label}.example.com`
      if (!isBelow({ prefix: 'https://', suffix: '.example.com' }, origin)) return
      const host = URL.canParse(origin) ? new URL(origin).hostname : '.example.com'
      assert.ok(host.endsWith('.example.com'))
    }),
  )
})
