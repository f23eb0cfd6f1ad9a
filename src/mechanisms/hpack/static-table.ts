/** RFC 7541 appendix A, from index 1 on: names, and values behind a space where there is one. */
const ENTRIES: readonly string[] = [
  ':authority',
  ':method GET',
  ':method POST',
  ':path /',
  ':path /index.html',
  ':scheme http',
  ':scheme https',
  ':status 200',
  ':status 204',
  ':status 206',
  ':status 304',
  ':status 400',
  ':status 404',
  ':status 500',
  'accept-charset',
  'accept-encoding gzip, deflate',
  'accept-language',
  'accept-ranges',
  'accept',
  'access-control-allow-origin',
  'age',
  'allow',
  'authorization',
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-length',
  'content-location',
  'content-range',
  'content-type',
  'cookie',
  'date',
  'etag',
  'expect',
  'expires',
  'from',
  'host',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'last-modified',
  'link',
  'location',
  'max-forwards',
  'proxy-authenticate',
  'proxy-authorization',
  'range',
  'referer',
  'refresh',
  'retry-after',
  'server',
  'set-cookie',
  'strict-transport-security',
  'transfer-encoding',
  'user-agent',
  'vary',
  'via',
  'www-authenticate',
]

/** How many entries there are; the first index of the dynamic table is one more. */
export const STATIC_COUNT = ENTRIES.length

const PAIRS: readonly (readonly [name: string, value: string])[] = ENTRIES.map((entry) => {
  const space = entry.indexOf(' ')
  return space < 0 ? [entry, ''] : [entry.slice(0, space), entry.slice(space + 1)]
})

/** All names and values, one behind the other. */
export const STATIC_BYTES: Uint8Array = Uint8Array.from(PAIRS.flat().join(''), (character) =>
  character.charCodeAt(0),
)

/** Three positions an index, from 0 (which is no index): where the name begins, where it ends and the value begins, where that ends. */
export const STATIC_OFFSETS: Int32Array = offsetsOf(PAIRS)

function offsetsOf(pairs: readonly (readonly [string, string])[]): Int32Array {
  const offsets = new Int32Array((pairs.length + 1) * 3)
  let at = 0
  pairs.forEach(([name, value], place) => {
    offsets.set([at, at + name.length, at + name.length + value.length], (place + 1) * 3)
    at += name.length + value.length
  })
  return offsets
}

/** The first index with this lower-case name, 0 for none. For tables that are made once. */
export function staticIndexOf(name: string): number {
  return PAIRS.findIndex(([other]) => other === name) + 1
}
