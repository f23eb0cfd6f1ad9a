import type { CompressSpec } from '../../contracts/policies.ts'
import { chooseEncoding, isType } from '../../mechanisms/content-encoding/content-encoding.ts'
import { valueOf } from '../../mechanisms/http1/fields.ts'
import { FRAMING, type ResponseHead } from '../../mechanisms/http1/response-head.ts'
import { type Policy, VERDICT } from './policy.ts'

const VARY = 'vary: accept-encoding\r\n'

/** Of gRPC: its messages are compressed by those who speak it, and its trailers would be lost. */
const CALL = /^application\/grpc/i

/** Chooses with the request, and with the head of the answer decides whether it is worth it. What encodes is exchange/encoding.ts. */
export function compileCompress({ encodings, types, bytesMin }: CompressSpec): Policy {
  return {
    kind: 'compress',
    request(exchange) {
      exchange.encoding = chooseEncoding(exchange.header('accept-encoding'), encodings)
      return VERDICT.go
    },
    response(exchange, head, bytes) {
      const type = valueOf(bytes, head.fields, 'content-type') ?? ''
      const isFit = isType(type, types) && !CALL.test(type)
      // A cache must know that the answer would be another for another client, also where this one gets it as it is.
      if (isFit) exchange.responseLines += VARY
      if (isFit && hasBody(head, bytesMin) && mayChange(head, bytes)) return
      exchange.encoding = ''
    },
  }
}

/** 206 is a part of something, and 204, 304 and answers to HEAD have no body. */
function hasBody({ status, framing, contentLength }: ResponseHead, bytesMin: number): boolean {
  if (framing === FRAMING.none || status === 206 || status < 200) return false
  return framing !== FRAMING.length || contentLength >= bytesMin
}

/** Never twice, and never what its sender forbids (RFC 9111 section 5.2.2.6). */
function mayChange({ fields }: ResponseHead, bytes: Uint8Array): boolean {
  const encoding = valueOf(bytes, fields, 'content-encoding')?.trim().toLowerCase()
  if (encoding !== undefined && encoding !== '' && encoding !== 'identity') return false
  return !/(^|,)\s*no-transform\s*(,|$)/i.test(valueOf(bytes, fields, 'cache-control') ?? '')
}
