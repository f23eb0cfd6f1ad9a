import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createTrailerSection, readTrailer } from '../http1/trailers.ts'
import { Base64Reader, grpcTypeOf, trailerFrame, webTypeOf } from './web.ts'

test('types of calls, both ways', () => {
  for (const [web, isText, grpc] of [
    ['application/grpc-web', false, 'application/grpc'],
    ['application/grpc-web+proto', false, 'application/grpc+proto'],
    ['application/grpc-web-text', true, 'application/grpc'],
    ['application/grpc-web-text+json; x=1', true, 'application/grpc+json; x=1'],
  ] as const) {
    assert.equal(grpcTypeOf(web), grpc)
    assert.equal(webTypeOf(grpc, isText), web)
  }
  assert.equal(grpcTypeOf('Application/gRPC-Web+proto'), 'application/grpc+proto')
  for (const other of ['', 'text/html', 'application/grpcx', 'application/json']) {
    assert.equal(webTypeOf(other, false), undefined)
  }
})

test('trailers are a frame of lines, without what trailers may not be', () => {
  const trailer = createTrailerSection()
  const text = Buffer.from('grpc-status:5\r\ngrpc-message: not here\r\ncontent-length: 7\r\n\r\n')
  readTrailer(trailer, text, 0, text.length)
  const frame = trailerFrame(trailer, ['grpc-message'])
  const lines = 'grpc-status: 5\r\n'
  assert.equal(frame.toString('latin1'), `\x80\0\0\0${String.fromCharCode(lines.length)}${lines}`)
  assert.equal(trailerFrame(createTrailerSection(), []).toString('latin1'), '\x80\0\0\0\0')
})

test('base64 in pieces that were padded each, cut anywhere, is what was written', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 6 }),
      fc.array(fc.nat(9), { maxLength: 60 }),
      (pieces, cuts) => {
        const text = pieces.map((piece) => Buffer.from(piece).toString('base64')).join('')
        const reader = new Base64Reader()
        const found: Buffer[] = []
        let at = 0
        for (const cut of [...cuts, text.length]) {
          found.push(reader.read(text.slice(at, at + cut))!)
          at = Math.min(text.length, at + cut)
        }
        assert.ok(reader.isWhole)
        assert.deepEqual(Buffer.concat(found), Buffer.concat(pieces))
      },
    ),
  )
})

test('what is no base64 is told, and what is cut is not whole', () => {
  for (const text of ['AAA*', '=AAA', 'A=AA', 'AAAA====', 'AA A', 'AA\n=']) {
    assert.equal(new Base64Reader().read(text), undefined, text)
  }
  const cut = new Base64Reader()
  assert.equal(cut.read('AAA')?.length, 0)
  assert.equal(cut.isWhole, false)
})
