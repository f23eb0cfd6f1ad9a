import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type JsonValue, parseStrictJson, StrictJsonError } from './strict-json.ts'

const limits = { depthMax: 32, valuesMax: 10_000 }

function plain(value: JsonValue): unknown {
  if (Array.isArray(value)) return value.map(plain)
  if (value instanceof Map)
    return Object.fromEntries([...value].map(([name, each]) => [name, plain(each as JsonValue)]))
  return value
}

function faultOf(text: string, given = limits): string {
  try {
    parseStrictJson(text, given)
    return ''
  } catch (error) {
    assert.ok(error instanceof StrictJsonError)
    return error.fault
  }
}

test('what JSON.parse reads, it reads the same', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
      for (const space of [0, 1]) {
        const text = JSON.stringify(value, null, space)
        const expected: unknown = JSON.parse(text)
        assert.deepEqual(plain(parseStrictJson(text, limits)), expected)
      }
    }),
  )
})

test('what JSON.parse refuses, it refuses', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.jsonValue().map((value) => JSON.stringify(value).slice(0, -1)),
      ),
      fc.nat(20),
      (text, cut) => {
        const broken = text.slice(0, cut) + text.slice(cut + 1)
        let isJson = true
        try {
          JSON.parse(broken)
        } catch {
          isJson = false
        }
        if (!isJson) assert.notEqual(faultOf(broken), '')
      },
    ),
  )
})

test('names that stand twice, also when one of them is escaped', () => {
  assert.equal(faultOf('{"a":1,"a":1}'), 'duplicate-name')
  assert.equal(faultOf('{"a":1,"\\u0061":1}'), 'duplicate-name')
  assert.equal(faultOf('{"a":{"b":1,"b":2}}'), 'duplicate-name')
  assert.equal(faultOf('[{"a":1},{"a":1}]'), '')
})

test('names that mean something to objects are names', () => {
  const value = parseStrictJson('{"__proto__":{"isAdmin":true},"constructor":1}', limits)
  assert.ok(value instanceof Map)
  assert.deepEqual([...value.keys()], ['__proto__', 'constructor'])
})

test('depth, count and numbers are bounded', () => {
  assert.equal(faultOf('[['.repeat(100_000)), 'too-deep')
  assert.equal(faultOf('{"a":'.repeat(100_000)), 'too-deep')
  assert.equal(faultOf('[[1]]', { depthMax: 1, valuesMax: 9 }), 'too-deep')
  assert.equal(faultOf('[1,2,3]', { depthMax: 1, valuesMax: 3 }), 'too-many')
  assert.equal(faultOf('{"exp":1e400}'), 'number')
})
