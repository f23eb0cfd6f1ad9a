import { FOLDED } from '../http1/bytes.ts'
import { isFieldValue } from '../http1/answer.ts'

/** Fields that a configuration may not set or remove, each with its reason. By what a CGI-style backend takes for the name (see FOLDED). */
const REASONS: ReadonlyMap<string, string> = new Map([
  ...because('is of one hop only, and the gateway writes it itself', [
    'connection',
    'keep-alive',
    'te',
    'trailer',
    'upgrade',
    'expect',
    'proxy-connection',
    'proxy-authenticate',
    'proxy-authorization',
    'proxy-authentication-info',
    'http2-settings',
  ]),
  ...because('says where a message ends, and the gateway writes it itself', [
    'content-length',
    'transfer-encoding',
  ]),
  ...because('tells a service where a request came from, and the gateway writes it itself', [
    'forwarded',
    'x-real-ip',
    'via',
    'max-forwards',
    'proxy',
  ]),
  ...because('decided on the route; a service behind it must see the same', ['host']),
  ...because('names the request and its trace, and the gateway writes it itself', [
    'x-request-id',
    'traceparent',
    'tracestate',
  ]),
  ...because("is the gateway's own word", ['backplane-reason']),
])
const FORWARDED_PREFIX = 'x-forwarded-'

function because(reason: string, names: readonly string[]): readonly [string, string][] {
  return names.map((name) => [name, reason])
}

/** What is wrong with the name of a field that a configuration wants to set or remove, to be put behind it; undefined: nothing. */
export function explainFieldName(name: string): string | undefined {
  if (name === '') return 'is empty'
  let folded = ''
  for (let i = 0; i < name.length; i++) {
    const byte = FOLDED[name.charCodeAt(i)] ?? 0
    if (byte === 0)
      return "is no field name: it may have letters, digits and any of !#$%&'*+-.^_`|~"
    folded += String.fromCharCode(byte)
  }
  if (folded.startsWith(FORWARDED_PREFIX)) return REASONS.get('forwarded')
  return REASONS.get(folded)
}

/** What is wrong with the value of a field, to be put behind the name; undefined: nothing. */
export function explainFieldValue(value: string): string | undefined {
  if (!isFieldValue(value))
    return 'has a value with a line end, a control character or one beyond Latin-1'
  return value === value.trim()
    ? undefined
    : 'has a value with white space at an end, which no field keeps'
}
