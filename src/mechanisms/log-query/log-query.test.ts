import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SearchError } from './expression.ts'
import { matches } from './matches.ts'
import { parseSearch, SEARCH_DEPTH_MAX, SEARCH_LENGTH_MAX } from './parse.ts'
import { levelOf, severityOfName, severityOfNumber, severityOfSyslog } from './severity.ts'

const record = (fields: Record<string, string | number>, body = '') => ({
  body,
  field: (name: string) => (Object.hasOwn(fields, name) ? fields[name] : undefined),
})

function finds(search: string, fields: Record<string, string | number>, body = ''): boolean {
  return matches(parseSearch(search), record(fields, body))
}

test('terms side by side must all hold; OR binds weaker, minus and NOT negate', () => {
  const fields = { service: 'orders', severity: 13, 'http.status': 503, duration: 250, user: '7' }
  const body = 'Card declined'
  assert.ok(
    finds(
      'service:orders level>=warn "declined" http.status:5* -user:42 duration>200ms',
      fields,
      body,
    ),
  )
  assert.ok(finds('service:users OR service:orders', fields))
  assert.ok(!finds('service:users OR service:orders user:8', fields))
  assert.ok(finds('service:(users OR orders)', fields))
  assert.ok(!finds('NOT service:orders', fields))
  assert.ok(finds('(nothing OR declined) AND user:*', fields, body))
  assert.ok(finds('', fields))
})

test('lower case finds any case, upper case only its own', () => {
  assert.ok(finds('declined', {}, 'DECLINED'))
  assert.ok(!finds('Declined', {}, 'DECLINED'))
})

test('stars stand for any characters, and a star alone for being there', () => {
  assert.ok(finds('path:/api/*/items', { path: '/api/7/items' }))
  assert.ok(!finds('path:/api/*/items', { path: '/api/items' }))
  assert.ok(finds('path:*7*', { path: '/api/7/items' }))
  assert.ok(!finds('other:*', { path: 'x' }))
  assert.ok(finds('path:"a*b"', { path: 'a*b' }), 'quotes take it as it is')
})

test('levels are ranges of severities', () => {
  assert.ok(finds('level:error', { severity: 18 }))
  assert.ok(!finds('level:error', { severity: 21 }))
  assert.ok(finds('level>warn', { severity: 17 }))
  assert.ok(!finds('level>warn', { severity: 16 }))
  assert.ok(finds('level<=warn', { severity: 16 }))
  assert.equal(levelOf(0), '')
  assert.equal(levelOf(severityOfName('WARNING')), 'warn')
  assert.equal(severityOfNumber(50), 17)
  assert.equal(severityOfNumber(30), 9)
  assert.equal(severityOfSyslog(3), 17)
})

test('numbers compare as numbers, with units of time in milliseconds; text is none', () => {
  assert.ok(finds('took>=1.5s', { took: 1500 }))
  assert.ok(finds('t>-1', { t: 0 }))
  assert.ok(!finds('took>1', { took: 'nan' }))
  assert.ok(!finds('took<1', {}))
})

test('a mistake is told with its place', () => {
  const at = (search: string): number => {
    try {
      parseSearch(search)
    } catch (error) {
      assert.ok(error instanceof SearchError)
      return error.at
    }
    return -1
  }
  assert.equal(at('a (b'), 2)
  assert.equal(at('a b)'), 3)
  assert.equal(at('a "b'), 2)
  assert.equal(at('x:'), 1)
  assert.equal(at('x>abc'), 2)
  assert.equal(at('level>loud'), 6)
  assert.equal(at('OR a'), 0)
  assert.equal(at(':a'), 0)
  assert.ok(at('('.repeat(SEARCH_DEPTH_MAX + 2)) > 0)
  assert.ok(at('-'.repeat(SEARCH_DEPTH_MAX * 2) + 'a') > 0)
  assert.equal(at('a'.repeat(SEARCH_LENGTH_MAX + 1)), SEARCH_LENGTH_MAX)
  assert.equal(at('a:b*c d>5 OR -"e f" AND g:(h OR "i")'), -1)
})
