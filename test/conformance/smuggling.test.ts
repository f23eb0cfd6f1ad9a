import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type ReadBody,
  readChunked,
  readRequest,
  valuesOf,
} from '../../src/mechanisms/http1/testing/reference.ts'
import { proxy } from './codec-proxy.ts'
import { smugglingVectors } from './smuggling-vectors.ts'
import type { SmugglingVector, UpstreamMessage } from './vectors/vector.ts'

/** The codec on its own; test/smuggling runs the same table through a running proxy. */

test('there are at least 120 vectors, each with an id of its own', () => {
  assert.ok(smugglingVectors.length >= 120, `${smugglingVectors.length}`)
  const ids = smugglingVectors.map((vector) => vector.id)
  assert.deepEqual(
    ids.filter((id, index) => ids.indexOf(id) !== index),
    [],
  )
})

function readChunkedWhole(text: string): ReadBody {
  const verdict = readChunked(text)
  assert.ok(verdict.kind === 'message')
  return verdict.message
}

function plainBody(payload: string): ReadBody {
  return { payload, trailers: [], length: payload.length }
}

function assertUpstreamGets(written: string, expected: UpstreamMessage): void {
  const verdict = readRequest(written)
  assert.ok(verdict.kind === 'message', `not a request: ${JSON.stringify(written)}`)
  const { method, target, host, fields, isChunked, contentLength, length } = verdict.message
  assert.deepEqual(
    { method, target, host },
    { method: expected.method, target: expected.target, host: expected.host },
  )
  const rest = written.slice(length)
  const body = isChunked
    ? readChunkedWhole(rest)
    : plainBody(rest.slice(0, Math.max(0, contentLength)))
  assert.equal(body.payload, expected.body)
  assert.equal(rest.length, body.length, 'bytes behind the message')
  assert.deepEqual(
    body.trailers.map(([name]) => name.toLowerCase()),
    expected.trailers ?? [],
  )
  for (const [name, value] of expected.present ?? [])
    assert.deepEqual(valuesOf(fields, name), [value])
  for (const name of expected.absent ?? [])
    assert.deepEqual(valuesOf(fields, name), [], `${name} must not be forwarded`)
}

function check(vector: SmugglingVector, pieceBytes: number): void {
  const bytes = Buffer.from(vector.bytes, 'latin1')
  const outcome = proxy(bytes, pieceBytes)
  assert.equal(outcome.code, vector.refusal?.code ?? '')
  assert.equal(outcome.status, vector.refusal?.status ?? 0)
  assert.equal(outcome.messages.length, vector.messages.length)
  assert.equal(outcome.rest, 0, 'the vector ends inside a message')
  vector.messages.forEach((message, index) =>
    assertUpstreamGets(outcome.messages[index]!.written, message),
  )
}

for (const vector of smugglingVectors) {
  test(`${vector.class}: ${vector.id}`, () => {
    check(vector, vector.bytes.length)
    check(vector, 1)
    check(vector, 7)
  })
}
