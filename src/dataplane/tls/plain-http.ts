import type { Socket } from 'node:net'
import { PLAIN_HTTP } from './failures.ts'
import { streamBinding, type WriteRequest } from '../io/stream-binding.ts'

const BODY =
  '{"type":"urn:backplane:error:ERR_GATEWAY_TLS_EXPECTED","title":"This port speaks HTTPS","status":400,"code":"ERR_GATEWAY_TLS_EXPECTED"}\n'
const ANSWER = Buffer.from(
  'HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json\r\ncache-control: no-store\r\nbackplane-reason: ERR_GATEWAY_TLS_EXPECTED\r\n' +
    `content-length: ${BODY.length}\r\nconnection: close\r\n\r\n${BODY}`,
  'latin1',
)

interface TlsHandle {
  onerror?: (this: unknown, error: { readonly code?: string }) => void
}
interface PlainHandle {
  writeBuffer?(request: WriteRequest, bytes: Uint8Array): number
}

/**
 * Whoever sends a request in the clear to a port that speaks TLS can read why nothing comes of it. OpenSSL knows such bytes; the answer must go out before Node closes
 * the connection, and past the encryption: a fresh connection has room for it.
 */
export function onPlainHttp(secure: Socket, plain: Socket): void {
  const { _handle: handle } = secure as unknown as { readonly _handle: TlsHandle | null }
  const told = handle?.onerror
  if (handle === null || told === undefined) return
  handle.onerror = function failed(error) {
    if (error.code === PLAIN_HTTP) answer(plain)
    told.call(this, error)
  }
}

function answer(plain: Socket): void {
  const { _handle: handle } = plain as unknown as { readonly _handle: PlainHandle | null }
  if (streamBinding !== undefined) handle?.writeBuffer?.(new streamBinding.WriteWrap(), ANSWER)
}
