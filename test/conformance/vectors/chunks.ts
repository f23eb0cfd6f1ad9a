import { CHUNK_EXTENSION_BYTES_MAX } from '../../../src/mechanisms/http1/chunked.ts'
import { TRAILER_BYTES_MAX } from '../../../src/mechanisms/http1/trailers.ts'
import {
  SMUGGLED,
  type SmugglingVector,
  chunked,
  one,
  refusedInBody,
  thenRefused,
} from './vector.ts'

const END = '0\r\n\r\n'

const sizes: readonly (readonly [id: string, line: string, code?: string])[] = [
  ['size-plus', '+5'],
  ['size-minus', '-5'],
  ['size-0x', '0x5'],
  ['size-empty', ''],
  ['size-word', 'g'],
  ['size-leading-space', ' 5'],
  ['size-trailing-space', '5 '],
  ['size-trailing-tab', '5\t'],
  ['size-space-semicolon', '5 ;a'],
  ['size-underscore', '0_5'],
  ['size-comma', '5,5'],
  ['size-nul', '5\0'],
  ['size-vertical-tab', '\x0b5'],
  ['size-high-byte', '5\xa0'],
  ['size-two-to-64', '10000000000000005'],
  ['size-two-to-65', 'fffffffffffffffff'],
  ['size-two-to-56', '100000000000005'],
  ['size-many-zeros', '000000000000000005'],
  ['size-h-suffix', '5h'],
  ['size-quoted', '"5"'],
  ['size-bare-lf', '5\nabcde\r\n0', 'CHUNK_ENDING'],
  ['size-bare-cr', '5\rabcde\r\n0', 'CHUNK_ENDING'],
  ['extension-bare-lf', '5;a\nabcde\r\n0', 'CHUNK_EXTENSION'],
  ['extension-bare-lf-smuggles', `5;\n${SMUGGLED}`, 'CHUNK_EXTENSION'],
  ['extension-bare-lf-in-value', '5;a=b\nabcde\r\n0', 'CHUNK_EXTENSION'],
  ['extension-bare-lf-in-quotes', '5;a="b\nc"', 'CHUNK_EXTENSION'],
  ['extension-crlf-in-quotes', '5;a="b\r\nc"', 'CHUNK_EXTENSION'],
  ['extension-bare-cr', '5;a\rb', 'CHUNK_ENDING'],
  ['extension-nul', '5;a\0', 'CHUNK_EXTENSION'],
  ['extension-no-name', '5;', 'CHUNK_EXTENSION'],
  ['extension-no-name-value', '5;=b', 'CHUNK_EXTENSION'],
  ['extension-no-value', '5;a=', 'CHUNK_EXTENSION'],
  ['extension-space', '5; a', 'CHUNK_EXTENSION'],
  ['extension-space-equals', '5;a =b', 'CHUNK_EXTENSION'],
  ['extension-open-quote', '5;a="b', 'CHUNK_EXTENSION'],
  ['extension-behind-quote', '5;a="b"c', 'CHUNK_EXTENSION'],
  ['extension-two-equals', '5;a=b=c', 'CHUNK_EXTENSION'],
  ['extension-endless', `5;${'a'.repeat(CHUNK_EXTENSION_BYTES_MAX + 1)}`, 'CHUNK_EXTENSION'],
]

const bodies: readonly (readonly [id: string, body: string, code: string])[] = [
  ['data-too-long', `5\r\nabcdef\r\n${END}`, 'CHUNK_ENDING'],
  ['data-too-short', `5\r\nabcd\r\n${END}`, 'CHUNK_ENDING'],
  ['data-bare-lf', `5\r\nabcde\n${END}`, 'CHUNK_ENDING'],
  ['data-bare-cr', `5\r\nabcde\r${END}`, 'CHUNK_ENDING'],
  ['data-lf-lf', `5\r\nabcde\n\n${END}`, 'CHUNK_ENDING'],
  ['data-any-byte-lf', `5\r\nabcdeX\n${END}`, 'CHUNK_ENDING'],
  ['data-lf-cr', `5\r\nabcde\n\r${END}`, 'CHUNK_ENDING'],
  ['data-two-line-ends', `5\r\nabcde\r\n\r\n${END}`, 'CHUNK_SIZE'],
  ['data-missing-line-end', `5\r\nabcde${END}`, 'CHUNK_ENDING'],
  ['data-any-two-bytes', `5\r\nabcdeXX${END}`, 'CHUNK_ENDING'],
  ['last-chunk-bare-lf', '5\r\nabcde\r\n0\n\n', 'CHUNK_ENDING'],
  ['last-chunk-lf-behind', '5\r\nabcde\r\n0\r\n\n', 'LINE_ENDING'],
  ['last-chunk-cr-only', '5\r\nabcde\r\n0\r\n\rX', 'LINE_ENDING'],
  ['trailer-space-before-colon', '0\r\nX-A : 1\r\n\r\n', 'TRAILER'],
  ['trailer-folded', '0\r\nX-A: 1\r\n b\r\n\r\n', 'TRAILER'],
  ['trailer-no-colon', '0\r\nX-A\r\n\r\n', 'TRAILER'],
  ['trailer-nul', '0\r\nX-A: \0\r\n\r\n', 'TRAILER'],
  ['trailer-bare-lf', '0\r\nX-A: 1\nX-B: 2\r\n\r\n', 'LINE_ENDING'],
  ['trailer-bare-cr', '0\r\nX-A: 1\rX-B: 2\r\n\r\n', 'LINE_ENDING'],
  ['trailer-request-line', `0\r\n${SMUGGLED}`, 'TRAILER'],
  ['trailer-endless', `0\r\nX-A: ${'a'.repeat(TRAILER_BYTES_MAX)}\r\n\r\n`, 'TRAILER_TOO_LARGE'],
  ['trailer-many', `0\r\n${'X: 1\r\n'.repeat(100)}\r\n`, 'TRAILER_TOO_LARGE'],
]

const trailers: readonly (readonly [id: string, field: string])[] = [
  ['content-length', 'Content-Length: 50'],
  ['transfer-encoding', 'Transfer-Encoding: chunked'],
  ['host', 'Host: b.example'],
  ['authorization', 'Authorization: Bearer stolen'],
  ['cookie', 'Cookie: a=b'],
  ['x-forwarded-for', 'X-Forwarded-For: 127.0.0.1'],
  ['content_length', 'Content_Length: 50'],
  ['x_forwarded_for', 'X_Forwarded_For: 127.0.0.1'],
  ['content-type', 'Content-Type: text/html'],
  ['connection', 'Connection: close'],
  ['expect', 'Expect: 100-continue'],
  ['if-match', 'If-Match: *'],
]

const accepted: readonly SmugglingVector[] = [
  one('chunk framing', 'chunks-plain', chunked(`5\r\nabcde\r\n${END}`), { body: 'abcde' }),
  one('chunk framing', 'chunks-upper-case-and-zeros', chunked(`00A\r\nabcdefghij\r\n${END}`), {
    body: 'abcdefghij',
  }),
  one(
    'chunk framing',
    'chunks-extension-dropped',
    chunked(`5;a;b=c;d="e f\\""\r\nabcde\r\n0;z\r\n\r\n`),
    { body: 'abcde' },
  ),
  one('chunk framing', 'chunks-quoted-semicolon', chunked(`5;a=";0"\r\nabcde\r\n${END}`), {
    body: 'abcde',
  }),
  one('chunk framing', 'chunks-payload-looks-like-end', chunked(`a\r\n0\r\n\r\nGET /\r\n${END}`), {
    body: '0\r\n\r\nGET /',
  }),
  one(
    'chunk framing',
    'chunks-payload-is-request',
    chunked(`${SMUGGLED.length.toString(16)}\r\n${SMUGGLED}\r\n${END}`),
    {
      body: SMUGGLED,
    },
  ),
  one('chunk framing', 'trailer-harmless', chunked(`0\r\nX-Checksum: 1\r\n\r\n`), {
    trailers: ['x-checksum'],
  }),
  thenRefused(
    'chunk framing',
    'last-chunk-then-rubbish',
    chunked(`${END}\r\nabc\r\n`),
    {},
    'METHOD',
  ),
  thenRefused('chunk framing', 'last-chunk-then-last-chunk', chunked(`${END}${END}`), {}, 'METHOD'),
]

/** Vectors about the chunked transfer coding. */
export const chunkVectors: readonly SmugglingVector[] = [
  ...sizes.map(([id, line, code = 'CHUNK_SIZE']) =>
    refusedInBody('chunk size and extension', id, code, chunked(`${line}\r\nabcde\r\n${END}`)),
  ),
  ...bodies.map(([id, body, code]) => refusedInBody('chunk framing', id, code, chunked(body))),
  ...trailers.map(([name, field]) =>
    one(
      'trailer that routes or frames',
      `trailer-${name}`,
      chunked(`5\r\nabcde\r\n0\r\n${field}\r\nX-Checksum: 1\r\n\r\n`),
      {
        body: 'abcde',
        trailers: ['x-checksum'],
      },
    ),
  ),
  ...accepted,
]
