import { isLoopbackHost } from '../../platform/config/addresses.ts'

/** Why a client may not be answered there; undefined where it may (RFC 9700 section 4.1.3, RFC 8252 section 7). */
export function redirectFault(uri: string, isNative: boolean): string | undefined {
  const url = URL.parse(uri)
  if (url === null) return 'is no absolute URI'
  if (uri.includes('#')) return 'must not have a fragment'
  if (uri.includes('*')) return 'must be one URI to the letter: there are no patterns'
  if (url.username !== '' || url.password !== '') return 'must not have a user or a password'
  const { protocol, hostname } = url
  if (protocol === 'https:') return undefined
  const isLoopback = isLoopbackHost(hostname.replace(/^\[|\]$/g, ''))
  if (protocol === 'http:') {
    return isLoopback ? undefined : 'must begin with https:// beyond loopback'
  }
  // What a browser would run in place of us.
  if (/^(?:javascript|data|vbscript|blob|file|about):$/i.test(protocol)) return 'leads nowhere'
  return isNative ? undefined : 'has the scheme of an app, and the client is none'
}
