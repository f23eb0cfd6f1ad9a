/** Why a list of fields is refused (RFC 9113 section 8.2 and 8.3). Negative, so that no position equals one. */
export const H2_FIELDS = {
  /** Not HPACK: the end of the connection. */
  compression: -1,
  pseudo: -2,
  name: -3,
  value: -4,
  connectionSpecific: -5,
  authority: -6,
  path: -7,
  method: -8,
  scheme: -9,
  connect: -10,
  tooLarge: -11,
  targetTooLong: -12,
  contentLength: -13,
  status: -14,
  trailers: -15,
  stream: -16,
} as const

/** What a refusal tells the client. */
export interface FieldsError {
  readonly code: string
  readonly status: number
  readonly title: string
}

const ENTRIES: readonly (readonly [id: number, status: number, code: string, title: string])[] = [
  [H2_FIELDS.compression, 400, 'ERR_HTTP2_COMPRESSION', 'A header block is not HPACK.'],
  [
    H2_FIELDS.pseudo,
    400,
    'ERR_HTTP2_PSEUDO_FIELD',
    'A pseudo-header is missing, repeated, unknown, or stands behind other fields.',
  ],
  [
    H2_FIELDS.name,
    400,
    'ERR_HTTP2_FIELD_NAME',
    'A field name is empty, has an upper-case letter, or has a byte that is not allowed.',
  ],
  [
    H2_FIELDS.value,
    400,
    'ERR_HTTP2_FIELD_VALUE',
    'A field value has a control byte, or begins or ends with white space.',
  ],
  [
    H2_FIELDS.connectionSpecific,
    400,
    'ERR_HTTP2_CONNECTION_FIELD',
    'A field belongs to a connection of HTTP/1.1, not to a request of HTTP/2.',
  ],
  [
    H2_FIELDS.authority,
    400,
    'ERR_HTTP2_AUTHORITY',
    'The authority is not valid, or Host names another one.',
  ],
  [H2_FIELDS.path, 400, 'ERR_HTTP2_PATH', 'The path is not a path.'],
  [
    H2_FIELDS.method,
    400,
    'ERR_HTTP2_METHOD',
    'The method is not made of upper-case letters, or is too long.',
  ],
  [H2_FIELDS.scheme, 400, 'ERR_HTTP2_SCHEME', 'The scheme is neither http nor https.'],
  [
    H2_FIELDS.connect,
    501,
    'ERR_HTTP2_CONNECT',
    'CONNECT opens WebSockets here (RFC 8441), and nothing else.',
  ],
  [
    H2_FIELDS.tooLarge,
    431,
    'ERR_HTTP2_HEAD_TOO_LARGE',
    'The list of fields is larger than the limit.',
  ],
  [
    H2_FIELDS.targetTooLong,
    414,
    'ERR_HTTP2_PATH_TOO_LONG',
    'The request target is longer than the limit.',
  ],
  [
    H2_FIELDS.contentLength,
    400,
    'ERR_HTTP2_CONTENT_LENGTH',
    'The content-length is not the length of the body.',
  ],
  [H2_FIELDS.status, 502, 'ERR_HTTP2_STATUS', 'The answer has no valid status.'],
  [H2_FIELDS.trailers, 400, 'ERR_HTTP2_TRAILERS', 'The trailers are not valid.'],
  [H2_FIELDS.stream, 400, 'ERR_HTTP2_STREAM', 'The client broke a rule of its stream.'],
]

/** By the negated id; index 0 is no error. */
export const H2_FIELDS_ERRORS: readonly FieldsError[] = [
  { code: '', status: 0, title: '' },
  ...ENTRIES.map(([, status, code, title]) => ({ status, code, title })),
]

/** What an id of H2_FIELDS means. */
export function fieldsError(id: number): FieldsError {
  return H2_FIELDS_ERRORS[-id] ?? H2_FIELDS_ERRORS[-H2_FIELDS.pseudo]!
}
