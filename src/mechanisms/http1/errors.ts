/**
 * Why a message is refused. The parsers return these ids (negative, so that a position never equals one); an id is an entry in a table
 * and not an object that is thrown, because refusing must cost an attacker's peer as little as accepting.
 */
export const HEAD_ERROR = {
  requestLine: -1,
  method: -2,
  methodUnsupported: -3,
  target: -4,
  targetTooLong: -5,
  version: -6,
  versionUnsupported: -7,
  headTooLarge: -8,
  tooManyFields: -9,
  lineEnding: -10,
  controlByte: -11,
  fieldName: -12,
  spaceBeforeColon: -13,
  lineFolding: -14,
  fieldAlias: -15,
  contentLength: -16,
  contentLengthRepeated: -17,
  transferEncoding: -18,
  transferCodingUnsupported: -19,
  ambiguousFraming: -20,
  hostMissing: -21,
  hostRepeated: -22,
  host: -23,
  hostMismatch: -24,
  connection: -25,
  expectation: -26,
  statusLine: -27,
  chunkSize: -28,
  chunkExtension: -29,
  chunkEnding: -30,
  trailer: -31,
  trailerTooLarge: -32,
  bodyTooLarge: -33,
  emptyLines: -34,
  notSwitched: -35,
} as const

/** What a refusal tells the client: the status, the stable code, one sentence. */
export interface HeadError {
  readonly code: string
  readonly status: number
  readonly title: string
}

const BAD_REQUEST = 400

const ENTRIES: readonly (readonly [id: number, status: number, code: string, title: string])[] = [
  [
    HEAD_ERROR.requestLine,
    BAD_REQUEST,
    'ERR_HTTP1_REQUEST_LINE',
    'The request line is not "METHOD SP target SP HTTP/1.1".',
  ],
  [
    HEAD_ERROR.method,
    BAD_REQUEST,
    'ERR_HTTP1_METHOD',
    'The method is not made of upper-case letters.',
  ],
  [
    HEAD_ERROR.methodUnsupported,
    501,
    'ERR_HTTP1_METHOD_UNSUPPORTED',
    'This gateway does not implement the method.',
  ],
  [HEAD_ERROR.target, BAD_REQUEST, 'ERR_HTTP1_TARGET', 'The request target is not valid.'],
  [
    HEAD_ERROR.targetTooLong,
    414,
    'ERR_HTTP1_TARGET_TOO_LONG',
    'The request target is longer than the limit.',
  ],
  [HEAD_ERROR.version, BAD_REQUEST, 'ERR_HTTP1_VERSION', 'The protocol version is malformed.'],
  [
    HEAD_ERROR.versionUnsupported,
    505,
    'ERR_HTTP1_VERSION_UNSUPPORTED',
    'Only HTTP/1.0 and HTTP/1.1 are spoken here.',
  ],
  [
    HEAD_ERROR.headTooLarge,
    431,
    'ERR_HTTP1_HEAD_TOO_LARGE',
    'The message head is larger than the limit.',
  ],
  [
    HEAD_ERROR.tooManyFields,
    431,
    'ERR_HTTP1_TOO_MANY_FIELDS',
    'The message head has more fields than the limit.',
  ],
  [HEAD_ERROR.lineEnding, BAD_REQUEST, 'ERR_HTTP1_LINE_ENDING', 'A line does not end with CR LF.'],
  [
    HEAD_ERROR.controlByte,
    BAD_REQUEST,
    'ERR_HTTP1_CONTROL_BYTE',
    'A field value has a control byte.',
  ],
  [
    HEAD_ERROR.fieldName,
    BAD_REQUEST,
    'ERR_HTTP1_FIELD_NAME',
    'A field name is empty or has a byte that is not allowed.',
  ],
  [
    HEAD_ERROR.spaceBeforeColon,
    BAD_REQUEST,
    'ERR_HTTP1_SPACE_BEFORE_COLON',
    'There is white space between a field name and its colon.',
  ],
  [
    HEAD_ERROR.lineFolding,
    BAD_REQUEST,
    'ERR_HTTP1_LINE_FOLDING',
    'A field line begins with white space.',
  ],
  [
    HEAD_ERROR.fieldAlias,
    BAD_REQUEST,
    'ERR_HTTP1_FIELD_ALIAS',
    'A field name is read as a framing field by some backends.',
  ],
  [
    HEAD_ERROR.contentLength,
    BAD_REQUEST,
    'ERR_HTTP1_CONTENT_LENGTH',
    'Content-Length is not one decimal number.',
  ],
  [
    HEAD_ERROR.contentLengthRepeated,
    BAD_REQUEST,
    'ERR_HTTP1_CONTENT_LENGTH_REPEATED',
    'Content-Length is given more than once.',
  ],
  [
    HEAD_ERROR.transferEncoding,
    BAD_REQUEST,
    'ERR_HTTP1_TRANSFER_ENCODING',
    'Transfer-Encoding is not exactly one "chunked".',
  ],
  [
    HEAD_ERROR.transferCodingUnsupported,
    501,
    'ERR_HTTP1_TRANSFER_CODING_UNSUPPORTED',
    'No transfer coding but chunked is implemented.',
  ],
  [
    HEAD_ERROR.ambiguousFraming,
    BAD_REQUEST,
    'ERR_HTTP1_AMBIGUOUS_FRAMING',
    'Content-Length and Transfer-Encoding are both present.',
  ],
  [
    HEAD_ERROR.hostMissing,
    BAD_REQUEST,
    'ERR_HTTP1_HOST_MISSING',
    'An HTTP/1.1 request needs a Host field.',
  ],
  [
    HEAD_ERROR.hostRepeated,
    BAD_REQUEST,
    'ERR_HTTP1_HOST_REPEATED',
    'Host is given more than once.',
  ],
  [
    HEAD_ERROR.host,
    BAD_REQUEST,
    'ERR_HTTP1_HOST',
    'Host is not a host name or address with an optional port.',
  ],
  [
    HEAD_ERROR.hostMismatch,
    BAD_REQUEST,
    'ERR_HTTP1_HOST_MISMATCH',
    'Host and the request target name different hosts.',
  ],
  [
    HEAD_ERROR.connection,
    BAD_REQUEST,
    'ERR_HTTP1_CONNECTION',
    'Connection is malformed or names a field that frames the message.',
  ],
  [
    HEAD_ERROR.expectation,
    417,
    'ERR_HTTP1_EXPECTATION',
    'Only "Expect: 100-continue" is understood.',
  ],
  [
    HEAD_ERROR.statusLine,
    BAD_REQUEST,
    'ERR_HTTP1_STATUS_LINE',
    'The status line is not "HTTP/1.1 SP 3DIGIT SP reason".',
  ],
  [
    HEAD_ERROR.chunkSize,
    BAD_REQUEST,
    'ERR_HTTP1_CHUNK_SIZE',
    'A chunk size is not a hexadecimal number of at most 13 digits.',
  ],
  [
    HEAD_ERROR.chunkExtension,
    BAD_REQUEST,
    'ERR_HTTP1_CHUNK_EXTENSION',
    'A chunk extension is malformed or longer than the limit.',
  ],
  [
    HEAD_ERROR.chunkEnding,
    BAD_REQUEST,
    'ERR_HTTP1_CHUNK_ENDING',
    'A chunk or its size line does not end with CR LF.',
  ],
  [HEAD_ERROR.trailer, BAD_REQUEST, 'ERR_HTTP1_TRAILER', 'The trailer section is malformed.'],
  [
    HEAD_ERROR.trailerTooLarge,
    431,
    'ERR_HTTP1_TRAILER_TOO_LARGE',
    'The trailer section is larger than the limit.',
  ],
  [HEAD_ERROR.bodyTooLarge, 413, 'ERR_HTTP1_BODY_TOO_LARGE', 'The body is larger than the limit.'],
  [
    HEAD_ERROR.emptyLines,
    BAD_REQUEST,
    'ERR_HTTP1_EMPTY_LINES',
    'More than one empty line stands before the request line.',
  ],
  [
    HEAD_ERROR.notSwitched,
    BAD_REQUEST,
    'ERR_HTTP1_NOT_SWITCHED',
    'A success answers a request for another protocol, and the protocol was not switched.',
  ],
]

/** Every refusal at the place of its negated id; place 0 is not used. For a refused response the gateway answers 502 with the same code. */
export const HEAD_ERRORS: readonly HeadError[] = tabulate()

function tabulate(): HeadError[] {
  const table: HeadError[] = [{ code: '', status: 0, title: '' }]
  for (const [id, status, code, title] of ENTRIES) table[-id] = { code, status, title }
  return table
}

/** The refusal that a parser's negative result stands for. Throws RangeError for a number that no parser returns. */
export function headError(id: number): HeadError {
  const error = id < 0 ? HEAD_ERRORS[-id] : undefined
  if (error === undefined)
    throw new RangeError(`no HTTP/1 refusal has the id ${id}: pass the negative result of a parser`)
  return error
}
