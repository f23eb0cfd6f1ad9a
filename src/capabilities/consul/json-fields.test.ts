import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ConsulError } from './errors.ts'
import { JsonFields, parseJson } from './json-fields.ts'

const fieldsOf = (text: string): JsonFields => JsonFields.ofBody(Buffer.from(text))

test('names are found whatever their case, null is nothing', () => {
  const fields = fieldsOf(
    '{"name":"web","PORT":80,"Check":{"ttl":"10s","Interval":5000000000},"Tags":null,"meta":{"A":"1"},"enable":true,"checks":[{"id":"a"}],"__proto__":{"x":1}}',
  )
  assert.equal(fields.text('Name'), 'web')
  assert.equal(fields.integer('Port'), 80)
  assert.equal(fields.object('check')?.durationNs('TTL'), 10e9)
  assert.equal(fields.object('check')?.durationNs('interval'), 5e9)
  assert.equal(fields.object('check')?.durationNs('timeout'), undefined)
  assert.deepEqual(fields.texts('tags'), [])
  assert.deepEqual(fields.map('Meta'), new Map([['A', '1']]))
  assert.equal(fields.flag('Enable'), true)
  assert.deepEqual(
    fields.objects('Checks').map((one) => one.text('ID')),
    ['a'],
  )
  assert.equal(fields.has('tags'), false)
  assert.equal(fieldsOf('').text('Name'), '')
})

test('wrong types name their place', () => {
  const fields = fieldsOf('{"Check":{"TTL":true},"Name":1,"Tags":["a",2],"Checks":[1]}')
  assert.throws(() => fields.text('Name'), { status: 400, message: /'Name' must be a string/ })
  assert.throws(() => fields.texts('Tags'), /list of strings/)
  assert.throws(() => fields.objects('Checks'), /Checks\[0\] must be an object/)
  assert.throws(
    () => fields.object('Check')?.durationNs('TTL'),
    /invalid duration true in Check.TTL/,
  )
})

test('whatever comes, it is read or refused with 400', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        fc.json().map((text) => Buffer.from(text)),
      ),
      (body) => {
        try {
          const fields = JsonFields.ofBody(Buffer.from(body))
          for (const read of ['text', 'flag', 'integer', 'durationNs', 'texts', 'map'] as const) {
            try {
              fields[read]('a')
            } catch (error) {
              assert.ok(error instanceof ConsulError)
            }
          }
        } catch (error) {
          assert.ok(error instanceof ConsulError && error.status === 400)
        }
      },
    ),
  )
  assert.throws(() => parseJson(Buffer.from('['.repeat(100) + ']'.repeat(100))), /max depth/)
})
