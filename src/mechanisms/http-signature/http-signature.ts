/** One signature of a request as it came (RFC 9421 section 4): nothing of it is believed yet. */
export interface RequestSignature {
  readonly label: string
  /** What is covered, in its order: field names in lower case, derived components with their @. */
  readonly components: readonly string[]
  /** The member of Signature-Input, letter by letter: it is the last line of what is signed. */
  readonly paramsText: string
  readonly keyId: string
  /** '' where it is not said. */
  readonly alg: string
  /** Unix seconds; -1 where they are not said. */
  readonly created: number
  readonly expires: number
  readonly tag: string
  readonly signature: Buffer
}

/** What a signature may cover, of one request. Field values as one line: several joined by ", ". */
export interface SignedRequest {
  readonly method: string
  readonly scheme: string
  /** Lower case, without the port that is the scheme's own. */
  readonly authority: string
  readonly path: string
  /** With its '?', '' for none. */
  readonly query: string
  field(lowerName: string): string | undefined
}

/** Why a request has no usable signature. */
export const SIGNATURE_FAULTS = {
  'input-form': 'Signature-Input is no dictionary of signatures (RFC 9421 section 4.1)',
  'signature-form': 'Signature has no bytes for the label of Signature-Input',
  'too-many': 'there are several signatures, and it is not clear which is meant',
  component: 'the signature covers a component that is not known here',
  'component-twice': 'the signature covers a component twice',
  'field-missing': 'the signature covers a header that the request has not',
  uncovered: 'the signature does not cover all that it has to',
  alg: 'the signature names another algorithm than hmac-sha256',
  'key-missing': 'the signature names no key',
  'key-unknown': 'the signature names a key that is not known',
  'created-missing': 'the signature does not say when it was made',
  'too-old': 'the signature was made too long ago',
  future: 'the signature was made in the future',
  expired: 'the signature has expired',
  wrong: 'the signature is not that of this request',
} as const satisfies Readonly<Record<string, string>>
export type SignatureFault = keyof typeof SIGNATURE_FAULTS

const FIELDS_LENGTH_MAX = 4_096
const COMPONENTS_MAX = 32
const DERIVED: ReadonlySet<string> = new Set([
  '@method',
  '@scheme',
  '@authority',
  '@path',
  '@query',
  '@target-uri',
  '@request-target',
])

const MEMBER =
  /^([a-z*][a-z0-9_.*-]*)=(\(((?:"[^"\\]*"(?: (?!\)))?)*)\)((?:;[a-z*][a-z0-9_.*-]*=(?:"[^"\\]*"|-?\d{1,15}))*))$/
const PARAM = /;([a-z*][a-z0-9_.*-]*)=(?:"([^"\\]*)"|(-?\d{1,15}))/g

/** The one signature of a request, from its fields Signature-Input and Signature; several are refused, since only one would be looked at. */
export function parseRequestSignature(
  input: string,
  signature: string,
): RequestSignature | SignatureFault {
  if (input.length > FIELDS_LENGTH_MAX || signature.length > FIELDS_LENGTH_MAX) return 'input-form'
  const member = MEMBER.exec(input.trim())
  if (member === null) return /\)[^)]*,[^(]*=\(/.test(input) ? 'too-many' : 'input-form'
  const [, label = '', paramsText = '', inner = '', params = ''] = member
  const components = inner === '' ? [] : inner.split(' ').map((each) => each.slice(1, -1))
  if (components.length > COMPONENTS_MAX) return 'component'
  if (new Set(components).size !== components.length) return 'component-twice'
  const isKnown = components.every((name) =>
    name.startsWith('@') ? DERIVED.has(name) : /^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(name),
  )
  if (!isKnown) return 'component'
  const bytes = signatureOf(label, signature.trim())
  if (bytes === undefined) return 'signature-form'
  const said = readParams(params)
  if (said === undefined) return 'input-form'
  const text = (name: string): string => {
    const value = said.get(name)
    return typeof value === 'string' ? value : ''
  }
  const seconds = (name: string): number => {
    const value = said.get(name)
    return typeof value === 'number' && value >= 0 ? value : -1
  }
  return {
    label,
    components,
    paramsText,
    keyId: text('keyid'),
    alg: text('alg'),
    created: seconds('created'),
    expires: seconds('expires'),
    tag: text('tag'),
    signature: bytes,
  }
}

function readParams(text: string): ReadonlyMap<string, string | number> | undefined {
  const params = new Map<string, string | number>()
  for (const [, name = '', quoted, digits] of text.matchAll(PARAM)) {
    if (params.has(name)) return undefined
    params.set(name, quoted ?? Number(digits))
  }
  return params
}

/** A byte sequence of structured fields (RFC 9651 section 3.3.5). */
function signatureOf(label: string, field: string): Buffer | undefined {
  const match = /^([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/]+={0,2}):$/.exec(field)
  if (match === null || match[1] !== label) return undefined
  const bytes = Buffer.from(match[2] ?? '', 'base64')
  return bytes.toString('base64') === match[2] ? bytes : undefined
}

/** What is signed (section 2.5); undefined: the request has not all that is covered. */
export function signatureBase(
  signature: Pick<RequestSignature, 'components' | 'paramsText'>,
  request: SignedRequest,
): string | undefined {
  let base = ''
  for (const name of signature.components) {
    const value = componentOf(name, request)
    if (value === undefined) return undefined
    base += `"${name}": ${value}\n`
  }
  return `${base}"@signature-params": ${signature.paramsText}`
}

function componentOf(name: string, request: SignedRequest): string | undefined {
  const { method, scheme, authority, path, query } = request
  switch (name) {
    case '@method':
      return method
    case '@scheme':
      return scheme
    case '@authority':
      return authority
    case '@path':
      return path
    case '@query':
      return query === '' ? '?' : query
    case '@target-uri':
      return `${scheme}://${authority}${path}${query}`
    case '@request-target':
      return `${path}${query}`
    default:
      return request.field(name)?.trim()
  }
}

/** What a route demands of a signature. */
export interface SignatureDemands {
  readonly covers: readonly string[]
  readonly ageSecondsMax: number
  readonly skewSeconds: number
}

/** Whether a signature says and covers enough, before its bytes are looked at; undefined: it does. */
export function checkSignature(
  signature: RequestSignature,
  demands: SignatureDemands,
  nowSeconds: number,
): SignatureFault | undefined {
  const { created, expires, components, alg, keyId } = signature
  if (keyId === '') return 'key-missing'
  if (alg !== '' && alg !== 'hmac-sha256') return 'alg'
  if (!demands.covers.every((name) => components.includes(name))) return 'uncovered'
  if (created < 0) return 'created-missing'
  if (created > nowSeconds + demands.skewSeconds) return 'future'
  if (nowSeconds - created > demands.ageSecondsMax + demands.skewSeconds) return 'too-old'
  return expires >= 0 && nowSeconds >= expires + demands.skewSeconds ? 'expired' : undefined
}
