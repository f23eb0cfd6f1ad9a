import { TOKEN } from './bytes.ts'

/** Reason phrases of the statuses that a gateway answers itself (RFC 9110 section 15, RFC 6585). */
const REASONS: Readonly<Record<number, string>> = {
  100: 'Continue',
  101: 'Switching Protocols',
  200: 'OK',
  204: 'No Content',
  301: 'Moved Permanently',
  302: 'Found',
  304: 'Not Modified',
  307: 'Temporary Redirect',
  308: 'Permanent Redirect',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  411: 'Length Required',
  413: 'Content Too Large',
  414: 'URI Too Long',
  415: 'Unsupported Media Type',
  417: 'Expectation Failed',
  421: 'Misdirected Request',
  426: 'Upgrade Required',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  505: 'HTTP Version Not Supported',
}

/** The reason phrase of a status, '' for one that has none here. */
export function reasonOf(status: number): string {
  return REASONS[status] ?? ''
}

/** A head that the gateway answers by itself. */
export interface AnswerHead {
  readonly status: number
  /** Whole lines with CR LF (see formatLine), without framing and Connection. */
  readonly lines: string
  /** Body bytes that follow; for HEAD those that would. Negative: no length, for 1xx, 204 and 304. */
  readonly contentLength: number
  readonly keepsAlive: boolean
  readonly clientMinorVersion: 0 | 1
}

/** The head of an own answer, Latin-1, up to and including the empty line. */
export function statusLineAndHead(answer: AnswerHead): string {
  const length = answer.contentLength < 0 ? '' : `content-length: ${answer.contentLength}\r\n`
  const keep = answer.clientMinorVersion === 0 ? 'connection: keep-alive\r\n' : ''
  const connection = answer.status < 200 ? '' : answer.keepsAlive ? keep : 'connection: close\r\n'
  return `HTTP/1.1 ${answer.status} ${reasonOf(answer.status)}\r\n${answer.lines}${length}${connection}\r\n`
}

/**
 * One field line with CR LF, for `lines` of rewrites and answers. Throws RangeError for a name that is no token or a value with bytes that
 * no field may have: what comes from outside must be checked before, this is the last net against a split response.
 */
export function formatLine(name: string, value: string): string {
  for (let i = 0; i < name.length; i++) {
    if (name.charCodeAt(i) > 127 || TOKEN[name.charCodeAt(i)] === 0)
      throw new RangeError(`not a field name: ${JSON.stringify(name)}`)
  }
  if (name === '') throw new RangeError('a field name must not be empty')
  if (!isFieldValue(value))
    throw new RangeError(`not a value for the field ${name}: ${JSON.stringify(value)}`)
  return `${name}: ${value}\r\n`
}

/** True for Latin-1 text without control bytes but HTAB: what formatLine takes. */
export function isFieldValue(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i)
    if (code > 255 || code === 127 || (code < 32 && code !== 9)) return false
  }
  return true
}
