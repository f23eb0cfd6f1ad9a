import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { chooseEncoding, isType } from './content-encoding.ts'

const all = ['zstd', 'br', 'gzip'] as const

test('what the client likes best, and of equals what we like best', () => {
  const of = (text: string | undefined): string => chooseEncoding(text, all)
  assert.equal(of('gzip, deflate, br, zstd'), 'zstd')
  assert.equal(of('gzip, deflate, br'), 'br')
  assert.equal(of('gzip;q=1.0, br;q=0.5'), 'gzip')
  assert.equal(of('GZIP'), 'gzip')
  assert.equal(of('x-gzip'), 'gzip')
  assert.equal(of('*'), 'zstd')
  assert.equal(of('*;q=0.1, br;q=0'), 'zstd')
  assert.equal(of('zstd;q=0, br;q=0, *'), 'gzip')
  assert.equal(of('deflate'), '')
  assert.equal(of('gzip;q=0'), '')
  assert.equal(of('identity, gzip;q=0.5'), '')
  assert.equal(of('identity;q=0.5, gzip'), 'gzip')
  assert.equal(of('gzip;q=nonsense'), '')
  assert.equal(of(''), '')
  assert.equal(of(undefined), '')
})

test('whatever is sent, nothing is chosen that was not named', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const chosen = chooseEncoding(text, all)
      if (chosen !== '') assert.ok(text.toLowerCase().includes(chosen) || text.includes('*'))
    }),
  )
})

test('types', () => {
  const types = ['text/*', 'application/json', '*+json']
  assert.ok(isType('text/html; charset=utf-8', types))
  assert.ok(isType('Application/JSON', types))
  assert.ok(isType('application/problem+json', types))
  assert.ok(!isType('image/png', types))
  assert.ok(!isType('application/json5', types))
  assert.ok(!isType('', types))
})
