import { SMUGGLED, type SmugglingVector, get, one, post, refused } from './vector.ts'

const LENGTH = 'Content-Length: 5'
const CHUNKED = 'Transfer-Encoding: chunked'
const END = '0\r\n\r\n'

/** Two framings in one message: one parser takes the length, the other the chunks. */
const bothFramings: readonly SmugglingVector[] = [
  ['cl-te', post(['Content-Length: 50', CHUNKED], END + SMUGGLED)],
  ['te-cl', post([CHUNKED, 'Content-Length: 4'], `2c\r\n${SMUGGLED}\r\n${END}`)],
  ['cl-te-agreeing', post([LENGTH, CHUNKED], END)],
  ['cl-zero-te', post(['Content-Length: 0', CHUNKED], END)],
  ['cl-te-mixed-case', post(['cOnTeNt-LeNgTh: 5', 'tRaNsFeR-eNcOdInG: ChUnKeD'], END)],
  ['cl-te-far-apart', post([LENGTH, 'X-A: 1', 'X-B: 2', CHUNKED], END)],
  ['get-cl-te', get([LENGTH, CHUNKED], END)],
].map(([id, bytes]) => refused('CL.TE and TE.CL', id!, 'AMBIGUOUS_FRAMING', bytes!))

const transferEncodings: readonly (readonly [
  id: string,
  lines: readonly string[],
  code?: string,
])[] = [
  ['te-space-before-colon', ['Transfer-Encoding : chunked'], 'SPACE_BEFORE_COLON'],
  ['te-tab-before-colon', ['Transfer-Encoding\t: chunked'], 'SPACE_BEFORE_COLON'],
  ['te-leading-space', [' Transfer-Encoding: chunked'], 'LINE_FOLDING'],
  ['te-vertical-tab', ['Transfer-Encoding:\x0bchunked'], 'CONTROL_BYTE'],
  ['te-form-feed', ['Transfer-Encoding: \x0cchunked'], 'CONTROL_BYTE'],
  ['te-vertical-tab-behind', ['Transfer-Encoding: chunked\x0b'], 'CONTROL_BYTE'],
  ['te-nul-behind', ['Transfer-Encoding: chunked\0'], 'CONTROL_BYTE'],
  ['te-nbsp', ['Transfer-Encoding: \xa0chunked']],
  ['te-nbsp-behind', ['Transfer-Encoding: chunked\xa0']],
  ['te-nel', ['Transfer-Encoding: \x85chunked']],
  ['te-xchunked', ['Transfer-Encoding: xchunked']],
  ['te-chunkedx', ['Transfer-Encoding: chunkedx']],
  ['te-identity', ['Transfer-Encoding: identity']],
  ['te-identity-chunked', ['Transfer-Encoding: identity, chunked']],
  ['te-chunked-identity', ['Transfer-Encoding: chunked, identity']],
  ['te-chunked-chunked', ['Transfer-Encoding: chunked, chunked']],
  ['te-comma-chunked', ['Transfer-Encoding: ,chunked']],
  ['te-chunked-comma', ['Transfer-Encoding: chunked,']],
  ['te-quoted', ['Transfer-Encoding: "chunked"']],
  ['te-single-quoted', ["Transfer-Encoding: 'chunked'"]],
  ['te-parameter', ['Transfer-Encoding: chunked;q=1']],
  ['te-semicolon', ['Transfer-Encoding: chunked;']],
  ['te-inner-space', ['Transfer-Encoding: chun ked']],
  ['te-space-list', ['Transfer-Encoding: chunked chunked']],
  ['te-empty', ['Transfer-Encoding:']],
  ['te-cow', ['Transfer-Encoding: cow']],
  ['te-twice', [CHUNKED, CHUNKED]],
  ['te-twice-cow', [CHUNKED, 'Transfer-Encoding: cow']],
  ['te-cow-first', ['Transfer-Encoding: cow', CHUNKED]],
  ['te-twice-identity', [CHUNKED, 'Transfer-encoding: identity']],
  ['te-gzip-chunked', ['Transfer-Encoding: gzip, chunked'], 'TRANSFER_CODING_UNSUPPORTED'],
  ['te-chunked-gzip', ['Transfer-Encoding: chunked, gzip']],
  ['te-gzip', ['Transfer-Encoding: gzip']],
  ['te-folded', ['Transfer-Encoding:', ' chunked'], 'LINE_FOLDING'],
  ['te-folded-tab', ['Transfer-Encoding:', '\tchunked'], 'LINE_FOLDING'],
  ['te-folded-behind', ['X-A: 1', ' Transfer-Encoding: chunked'], 'LINE_FOLDING'],
  ['te-bare-lf-inside', ['X-A: 1\nTransfer-Encoding: chunked'], 'LINE_ENDING'],
  ['te-bare-cr-inside', ['X-A: 1\rTransfer-Encoding: chunked'], 'LINE_ENDING'],
  ['te-lf-before-value', ['Transfer-Encoding:\n chunked'], 'LINE_ENDING'],
  ['te-underscore', ['Transfer_Encoding: chunked'], 'FIELD_ALIAS'],
  ['te-dot', ['Transfer.Encoding: chunked'], 'FIELD_ALIAS'],
  ['te-nul-in-name', ['Transfer-\0Encoding: chunked'], 'FIELD_NAME'],
  ['te-high-byte-in-name', ['Transfer-Encoding\xff: chunked'], 'FIELD_NAME'],
  ['te-no-colon', ['Transfer-Encoding chunked'], 'SPACE_BEFORE_COLON'],
]

const contentLengths: readonly (readonly [id: string, value: string, code?: string])[] = [
  ['cl-plus', '+5'],
  ['cl-minus', '-5'],
  ['cl-minus-zero', '-0'],
  ['cl-hex', '0x5'],
  ['cl-float', '5.0'],
  ['cl-exponent', '5e0'],
  ['cl-empty', ''],
  ['cl-word', 'five'],
  ['cl-list-same', '5, 5'],
  ['cl-list-other', '5, 6'],
  ['cl-list-tight', '5,5'],
  ['cl-trailing-comma', '5,'],
  ['cl-leading-comma', ',5'],
  ['cl-semicolon', '5;'],
  ['cl-inner-space', '5 5'],
  ['cl-underscore-number', '1_0'],
  ['cl-quoted', '"5"'],
  ['cl-full-width', '\xef\xbc\x95'],
  ['cl-superscript', '\xb25'],
  ['cl-nbsp', '\xa05'],
  ['cl-two-to-53', '9007199254740992'],
  ['cl-two-to-64', '18446744073709551621'],
  ['cl-two-to-32', '4294967301000000000'],
  ['cl-many-zeros', '00000000000000005'],
  ['cl-nul', '5\0', 'CONTROL_BYTE'],
  ['cl-vertical-tab', '\x0b5', 'CONTROL_BYTE'],
  ['cl-bare-cr', '5\rX: y', 'LINE_ENDING'],
  ['cl-bare-lf', '5\nX: y', 'LINE_ENDING'],
  ['cl-folded', '5\r\n 5', 'LINE_FOLDING'],
]

const repeatedLengths: readonly (readonly [id: string, lines: readonly string[], code?: string])[] =
  [
    ['cl-twice-same', [LENGTH, LENGTH]],
    ['cl-twice-other', [LENGTH, 'Content-Length: 6']],
    ['cl-zero-and-other', ['Content-Length: 0', 'content-length: 44']],
    ['cl-twice-empty', [LENGTH, 'Content-Length:']],
    ['cl-underscore', ['Content_Length: 5'], 'FIELD_ALIAS'],
    ['cl-underscore-beside', [LENGTH, 'content_length: 0'], 'FIELD_ALIAS'],
    ['cl-space-before-colon', ['Content-Length : 5'], 'SPACE_BEFORE_COLON'],
    ['cl-space-in-name', ['Content Length: 5'], 'SPACE_BEFORE_COLON'],
  ]

const oldVersion: readonly SmugglingVector[] = [
  refused(
    'HTTP/1.0',
    'te-in-http10',
    'TRANSFER_ENCODING',
    `POST / HTTP/1.0\r\nHost: a.example\r\n${CHUNKED}\r\n\r\n${END}`,
  ),
  refused(
    'HTTP/1.0',
    'cl-te-in-http10',
    'AMBIGUOUS_FRAMING',
    `POST / HTTP/1.0\r\nHost: a.example\r\n${LENGTH}\r\n${CHUNKED}\r\n\r\n${END}`,
  ),
  one('HTTP/1.0', 'cl-in-http10', `POST / HTTP/1.0\r\nHost: a.example\r\n${LENGTH}\r\n\r\nabcde`, {
    body: 'abcde',
  }),
]

/** Vectors about which framing field counts. */
export const framingVectors: readonly SmugglingVector[] = [
  ...bothFramings,
  ...transferEncodings.map(([id, lines, code = 'TRANSFER_ENCODING']) =>
    refused('TE.TE obfuscation', id, code, post(lines, END + SMUGGLED)),
  ),
  ...contentLengths.map(([id, value, code = 'CONTENT_LENGTH']) =>
    refused('odd Content-Length', id, code, post([`Content-Length: ${value}`], `abcde${SMUGGLED}`)),
  ),
  ...repeatedLengths.map(([id, lines, code = 'CONTENT_LENGTH_REPEATED']) =>
    refused('repeated Content-Length', id, code, post(lines, `abcde${SMUGGLED}`)),
  ),
  ...oldVersion,
]
