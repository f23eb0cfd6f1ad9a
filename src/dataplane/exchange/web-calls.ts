import { fieldValue, findField } from '../../mechanisms/http1/fields.ts'
import type { Drops } from '../../mechanisms/http1/drops.ts'
import { FIELD } from '../../mechanisms/http1/names.ts'
import type { RequestHead } from '../../mechanisms/http1/request-head.ts'
import { GRPC } from '../../mechanisms/grpc/grpc.ts'
import { grpcTypeOf } from '../../mechanisms/grpc/web.ts'
import { GrpcWebStream } from '../client/grpc-web-stream.ts'
import { RESPONSE_FIELDS_MAX } from '../upstream/http1-connection.ts'
import type { Exchange } from './exchange.ts'

/**
 * A call of gRPC-web goes to a service that speaks HTTP/2: from here on it is one of gRPC, and the client's side is translated. (A service that speaks HTTP/1.1 cannot
 * speak gRPC, so what it gets of gRPC-web it knows itself.) What the head says of the body holds no more where that was text.
 */
export function translateCall(exchange: Exchange, head: RequestHead, bytes: Buffer): void {
  const isText = exchange.grpc === GRPC.webText
  const type = grpcTypeOf(fieldValue(bytes, head.fields, findField(head.fields, FIELD.contentType)))
  const web = new GrpcWebStream(exchange.client, type, isText, RESPONSE_FIELDS_MAX)
  exchange.client = web
  exchange.web = web
  head.acceptsTrailers = true
  if (!isText || web.body.isDone) return
  head.isChunked = true
  head.contentLength = -1
  exchange.isChunked = true
}

/** The type is said anew. */
export function withoutType(drops: Drops): Drops {
  const ids = Uint8Array.from(drops.ids)
  ids[FIELD.contentType] = 1
  return { ids, names: drops.names }
}
