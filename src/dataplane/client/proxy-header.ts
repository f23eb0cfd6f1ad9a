import {
  parseProxyHeader,
  type ProxyParse,
} from '../../mechanisms/proxy-protocol/proxy-protocol.ts'

/** The PROXY protocol header at the start of a connection; only trusted peers may send one. */
export function readProxyHeader(isTrusted: boolean, bytes: Uint8Array): ProxyParse {
  if (isTrusted) return parseProxyHeader(bytes)
  return {
    kind: 'error',
    code: 'ERR_PROXY_PROTOCOL_INVALID',
    message:
      'this address is not among the trustedProxies, so its PROXY protocol header is not believed',
  }
}
