import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { normalizePath } from '../routing/normalize-path.ts'
import { formatRedirect, parseRedirectTarget, RedirectTargetError } from './redirect.ts'

function redirect(to: string, pattern: string, path: string, query = ''): string {
  return formatRedirect(parseRedirectTarget(to, pattern), {
    hostname: 'shop.example.com',
    path,
    query,
  })
}

test('targets and what becomes of them', () => {
  const cases: readonly (readonly [to: string, pattern: string, path: string, location: string])[] =
    [
      ['https://{host}{path}{query}', '/**', '/a/b', 'https://shop.example.com/a/b?x=1'],
      ['https://www.{host}{path}', '/**', '/', 'https://www.shop.example.com/'],
      ['https://{host}:8443{path}', '/**', '/a', 'https://shop.example.com:8443/a'],
      ['/v2/orders/{id}', '/v1/orders/{id}', '/v1/orders/7', '/v2/orders/7'],
      ['/{b}/{a}', '/{a}/{b}', '/one/two', '/two/one'],
      ['/new/{rest}', '/old/**', '/old/a/b', '/new/a/b'],
      ['/new/{rest}', '/old/**', '/old', '/new/'],
      ['/login?next={path}', '/**', '/a/b', '/login?next=/a/b'],
      ['{path}/', '/docs', '/docs', '/docs/'],
      ['https://other.example/x', '/**', '/a', 'https://other.example/x'],
    ]
  for (const [to, pattern, path, location] of cases)
    assert.equal(redirect(to, pattern, path, to.includes('{query}') ? '?x=1' : ''), location)
})

test('targets that are refused, and why', () => {
  const refused = {
    'shop.example.com': /must begin with/,
    '//evil.example': /must begin with/,
    'ftp://a.example': /must begin with/,
    'javascript:alert(1)': /must begin with/,
    '{query}': /must begin with/,
    '/\\evil.example': /no URL has/,
    '/a b': /no URL has/,
    '/a\r\nset-cookie: x': /no URL has/,
    '/{nothing}': /known are \{id\}, \{host\}, \{path\}, \{query\}/,
    '/{id': /brace/,
    '/{path}': /has a \/ before/,
    'https://a.example/{path}': /has a \/ before/,
    'https://{id}.example.com/': /may have \{host\}/,
    'https://{id}/': /may have \{host\}/,
    'https://a.example{id}': /may have \{host\}/,
    'https://{host}{id}/': /may have \{host\}/,
    'https://user@{host}/': /no valid host/,
    'https:///x': /no valid host/,
  }
  for (const [to, message] of Object.entries(refused)) {
    assert.throws(
      () => parseRedirectTarget(to, '/v1/{id}'),
      (error) => error instanceof RedirectTargetError && message.test(error.message),
      to,
    )
  }
})

test('no path and query leads to another host, and none splits the answer', () => {
  const targets = [
    '{path}{query}',
    '/{rest}',
    '/{rest}{query}',
    '/x/{rest}',
    'https://{host}{path}{query}',
  ]
  const unit = fc.constantFrom(
    '/',
    '\\',
    '.',
    '%',
    '2',
    'F',
    '5',
    'C',
    '@',
    ':',
    '?',
    '#',
    ';',
    'a',
    '\t',
    '\r',
    '\n',
    ' ',
    '\u00e9',
    '"',
  )
  fc.assert(
    fc.property(
      fc.constantFrom(...targets),
      fc.string({ unit }),
      fc.string({ unit }),
      (to, rest, query) => {
        const path = normalizePath(`/${rest}`)
        if (path === null) return
        const location = redirect(to, '/**', path, query === '' ? '' : `?${query}`)
        assert.match(location, /^[\x21-\x7e]+$/)
        const url = new URL(location, 'https://shop.example.com/from')
        assert.equal(url.host, 'shop.example.com')
      },
    ),
    { numRuns: 2_000 },
  )
})
