import fc from 'fast-check'

/** Random messages and random damage, for property tests. */

const TOKEN_CHARACTERS =
  "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
const RESERVED =
  /^(?:host|connection|content.length|transfer.encoding|expect|upgrade|te|keep.alive|proxy.*|trailer|forwarded|x.forwarded.*|x.real.ip|x.request.id|http2.settings)$/i

const tokens = fc.string({
  unit: fc.constantFrom(...TOKEN_CHARACTERS.split('')),
  minLength: 1,
  maxLength: 20,
})

/** Names that mean nothing to a proxy. */
export const plainNames = fc
  .oneof(
    tokens,
    fc.constantFrom('Accept', 'user-agent', 'Cookie', 'X-Tenant', 'Cache-Control', 'authorization'),
  )
  .filter((name) => !RESERVED.test(name))

const visible = Array.from({ length: 94 }, (_, index) => String.fromCharCode(33 + index))
const obsText = Array.from({ length: 128 }, (_, index) => String.fromCharCode(128 + index))

/** Values without surrounding white space. */
export const plainValues = fc
  .string({ unit: fc.constantFrom(...visible, ...visible, ...obsText, ' ', '\t'), maxLength: 60 })
  .map((value) => value.replace(/^[ \t]+|[ \t]+$/g, ''))

export const ows = fc.constantFrom('', ' ', ' ', ' ', '\t', '  ', ' \t ')

/** Pairs of name and value that a proxy forwards as they are. */
export const plainFields = fc.array(fc.tuple(plainNames, plainValues), { maxLength: 12 })

const lines = fc
  .tuple(plainFields, fc.array(fc.tuple(ows, ows), { minLength: 12, maxLength: 12 }))
  .map(([fields, spaces]) =>
    fields.map(
      ([name, value], index) => `${name}:${spaces[index]![0]}${value}${spaces[index]![1]}`,
    ),
  )

const hosts = fc.constantFrom('a.example', 'A.Example:8080', '[::1]:80', '127.0.0.1', 'x_y.z')
const pathCharacters = visible.filter((character) => character !== '#')
const targets = fc
  .string({ unit: fc.constantFrom(...pathCharacters), maxLength: 40 })
  .map((path) => `/${path}`)

export interface SampleRequest {
  readonly method: string
  readonly target: string
  readonly host: string
  /** Lines without Host and framing. */
  readonly lines: readonly string[]
  readonly body: 'none' | 'length' | 'chunked'
  readonly payload: string
  readonly text: string
}

/** Valid HTTP/1.1 requests with their body, in Latin-1. */
export const requests: fc.Arbitrary<SampleRequest> = fc
  .record({
    method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'HEAD', 'M-SEARCH'),
    target: targets,
    host: hosts,
    lines,
    body: fc.constantFrom('none' as const, 'length' as const, 'chunked' as const),
    payload: fc.string({ unit: fc.constantFrom(...visible, '\r', '\n', '\0'), maxLength: 40 }),
    options: fc.constantFrom(
      '',
      '',
      'Connection: keep-alive',
      'connection: close, x-private',
      'CONNECTION: ,Keep-Alive',
    ),
    hasEmptyLine: fc.boolean(),
  })
  .map(({ options, hasEmptyLine, ...sample }) => {
    const framing = framingOf(sample.body, sample.payload)
    const head = [
      `${sample.method} ${sample.target} HTTP/1.1`,
      `Host: ${sample.host}`,
      ...sample.lines,
    ]
    if (options !== '') head.splice(1, 0, options)
    if (framing.line !== '') head.push(framing.line)
    return {
      ...sample,
      text: `${hasEmptyLine ? '\r\n' : ''}${head.join('\r\n')}\r\n\r\n${framing.bytes}`,
    }
  })

function framingOf(body: SampleRequest['body'], payload: string): { line: string; bytes: string } {
  if (body === 'length') return { line: `Content-Length: ${payload.length}`, bytes: payload }
  if (body === 'none') return { line: '', bytes: '' }
  const chunk = payload === '' ? '' : `${payload.length.toString(16)}\r\n${payload}\r\n`
  return { line: 'Transfer-Encoding: chunked', bytes: `${chunk}0\r\n\r\n` }
}

const PIECES = [
  '\r\n',
  '\n',
  '\r',
  '\0',
  ' ',
  '\t',
  ':',
  ';',
  ',',
  '\x0b',
  '\x7f',
  '\xa0',
  '\r\n\r\n',
  '\r\n ',
  'Content-Length: 5\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Transfer-Encoding : chunked\r\n',
  'content_length: 3\r\n',
  'Host: b.example\r\n',
  'Connection: close\r\n',
  'chunked',
  'HTTP/1.0',
  'HTTP/2.0',
  '0\r\n\r\n',
  '+',
  '0x',
  'Expect: 100-continue\r\n',
  'http://a.example',
  '#',
  '@',
  '/',
  '-1',
  ';a=b',
  ';"',
  '\\',
  'FFFFFFFFFFFFFFFFF',
  'Upgrade: h2c\r\n',
] as const

export interface Damage {
  readonly place: number
  readonly removed: number
  readonly added: string
}

/** Small damages: bytes taken out and pieces that attacks are made of put in. */
export const damages: fc.Arbitrary<readonly Damage[]> = fc.array(
  fc.record({
    place: fc.double({ min: 0, max: 1, noNaN: true }),
    removed: fc.nat({ max: 3 }),
    added: fc.oneof(
      fc.constant(''),
      fc.constantFrom(...PIECES),
      fc.nat({ max: 255 }).map((code) => String.fromCharCode(code)),
    ),
  }),
  { minLength: 1, maxLength: 3 },
)

/** The text with the damages done one after the other, at places that are shares of its length. */
export function damage(text: string, all: readonly Damage[]): string {
  let damaged = text
  for (const { place, removed, added } of all) {
    const at = Math.floor(place * damaged.length)
    damaged = damaged.slice(0, at) + added + damaged.slice(at + removed)
  }
  return damaged
}

/** Positions at which a text is cut, as shares of its length. */
export const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 6 })

/** The lengths of the text's prefixes that arrive one after the other. */
export function arrivals(length: number, shares: readonly number[]): number[] {
  return [...new Set([...shares.map((share) => Math.floor(share * length)), length])].toSorted(
    (a, b) => a - b,
  )
}
