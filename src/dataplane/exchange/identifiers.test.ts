import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createIdentifiers, isRequestId, isTraceparent } from './identifiers.ts'

test('request ids do not repeat and are valid ones', () => {
  const identifiers = createIdentifiers()
  const ids = new Set(Array.from({ length: 10_000 }, () => identifiers.requestId()))
  assert.equal(ids.size, 10_000)
  for (const id of ids) assert.match(id, /^[0-9a-f]{26}$/)
  assert.notEqual(createIdentifiers().requestId().slice(0, 10), [...ids][0]!.slice(0, 10))
})

test('a trace is continued exactly when it is valid (W3C Trace Context)', () => {
  const trace = '4bf92f3577b34da6a3ce929d0e0e4736'
  const span = '00f067aa0ba902b7'
  assert.ok(isTraceparent(`00-${trace}-${span}-01`))
  assert.ok(isTraceparent(`cc-${trace}-${span}-01-what-the-future-brings`))
  for (const bad of [
    '',
    `00-${trace}-${span}-01-more`,
    `ff-${trace}-${span}-01`,
    `00-${'0'.repeat(32)}-${span}-01`,
    `00-${trace}-${'0'.repeat(16)}-01`,
    `00-${trace.toUpperCase()}-${span}-01`,
    `00-${trace}-${span}-1`,
  ]) {
    assert.equal(isTraceparent(bad), false, bad)
  }
  const identifiers = createIdentifiers()
  for (const given of [undefined, 'x', `00-${trace}-${span}-01`]) {
    assert.ok(isTraceparent(identifiers.traceparent(given)))
  }
  assert.match(
    identifiers.traceparent(`cc-${trace}-${span}-01-x`),
    new RegExp(`^00-${trace}-(?!${span}).{16}-01$`),
  )
})

test('a kept request id is printable and can stand in a header and in JSON as it is', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 140 }), (text) => {
      const isSafe = /^[\x21-\x7e]{1,128}$/.test(text) && JSON.stringify(text) === `"${text}"`
      assert.equal(isRequestId(text), isSafe)
    }),
  )
})
