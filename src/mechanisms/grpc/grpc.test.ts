import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  encodeGrpcMessage,
  formatGrpcTimeout,
  GRPC,
  grpcKindOf,
  grpcStatusOfHttp,
  httpStatusOfGrpc,
  parseGrpcStatus,
  parseGrpcTimeout,
} from './grpc.ts'

test('content types of gRPC and gRPC-web, and their neighbours', () => {
  for (const [type, kind] of [
    ['application/grpc', GRPC.grpc],
    ['application/grpc+proto', GRPC.grpc],
    ['Application/gRPC; charset=utf-8', GRPC.grpc],
    ['application/grpc-web', GRPC.web],
    ['application/grpc-web+proto', GRPC.web],
    ['application/grpc-web-text', GRPC.webText],
    ['application/grpc-web-text+proto', GRPC.webText],
    ['application/grpc-webby', GRPC.none],
    ['application/grpcs', GRPC.none],
    ['application/json', GRPC.none],
    ['', GRPC.none],
  ] as const) {
    assert.equal(grpcKindOf(type), kind, type)
  }
})

test('every status that the gateway answers with has a status of gRPC', () => {
  const pairs = [400, 401, 403, 404, 408, 413, 421, 429, 500, 501, 502, 503, 504].map((status) => [
    status,
    grpcStatusOfHttp(status),
  ])
  assert.deepEqual(Object.fromEntries(pairs), {
    400: 13,
    401: 16,
    403: 7,
    404: 12,
    408: 4,
    413: 8,
    421: 2,
    429: 8,
    500: 13,
    501: 12,
    502: 14,
    503: 14,
    504: 4,
  })
})

test('only what speaks against the instance is a failure of it', () => {
  const statuses = Array.from({ length: 17 }, (_, status) => httpStatusOfGrpc(status))
  assert.deepEqual(
    statuses.flatMap((status, code) => (status >= 500 ? [code] : [])),
    [2, 13, 14],
  )
})

test('statuses are plain numbers', () => {
  for (const [text, status] of [
    ['0', 0],
    ['14', 14],
    ['', -1],
    ['01', -1],
    ['-1', -1],
    ['1.0', -1],
    ['9999', -1],
  ] as const) {
    assert.equal(parseGrpcStatus(text), status)
  }
})

test('timeouts of all units; what is none is refused', () => {
  for (const [text, ms] of [
    ['1S', 1_000],
    ['2M', 120_000],
    ['1H', 3_600_000],
    ['250m', 250],
    ['1500u', 1.5],
    ['99999999n', 99.999_999],
    ['', -1],
    ['S', -1],
    ['1', -1],
    ['123456789m', -1],
    ['-1S', -1],
    ['1.5S', -1],
    ['1s', -1],
  ] as const) {
    const parsed = parseGrpcTimeout(text)
    assert.ok(Math.abs(parsed - ms) < 1e-9, `${text} is ${parsed}`)
  }
})

test('what is passed on is never later than what was said', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1e11, noNaN: true }), (ms) => {
      const passed = parseGrpcTimeout(formatGrpcTimeout(ms))
      assert.ok(passed >= 0 && passed <= ms)
      assert.ok(ms > 99_999_999_000 || passed >= ms * 0.99 - 0.001)
    }),
  )
})

test('messages are printable ASCII, and come back', () => {
  assert.equal(encodeGrpcMessage('100% é\r\n'), '100%25 %C3%A9%0D%0A')
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const encoded = encodeGrpcMessage(text)
      assert.match(encoded, /^[ -~]*$/)
      assert.equal(
        decodeURIComponent(encoded.replaceAll(/%(?![0-9A-F]{2})/g, '%25')),
        text.toWellFormed(),
      )
    }),
  )
})
