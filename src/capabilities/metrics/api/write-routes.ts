import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { ProtobufError } from '../../../mechanisms/protobuf/protobuf.ts'
import { decompressSnappy, SnappyError } from '../../../mechanisms/snappy/snappy.ts'
import { ProblemError } from '../../../platform/problem.ts'
import { WalWriteError } from '../store/wal.ts'
import type { ApiNeeds } from './needs.ts'
import { storeRequest1, storeRequest2, type Written } from './write.ts'

/** Bytes of a body as it comes. */
const BODY_BYTES_MAX = 32 * 1024 * 1024
/** Bytes of a body once it is decompressed. */
const DECODED_BYTES_MAX = 128 * 1024 * 1024

const VERSION_2 = 'io.prometheus.write.v2.Request'

/** `write`: remote write 1.0 and 2.0. It answers when the samples would survive a kill. */
export function registerWrite(app: FastifyInstance, needs: ApiNeeds): void {
  void app.register((scope, _options, done) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser(
      '*',
      { parseAs: 'buffer', bodyLimit: BODY_BYTES_MAX },
      (_request, body, parsed) => parsed(null, body),
    )
    scope.post('/api/v1/write', (request, reply) => write(needs, request, reply))
    done()
  })
}

async function write(
  { store, clock }: ApiNeeds,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const isVersion2 = versionOf(request.headers['content-type'] ?? '') === 2
  const encoding = request.headers['content-encoding'] ?? 'snappy'
  if (encoding !== 'snappy') {
    throw new ProblemError(
      415,
      'ERR_METRICS_WRITE_TYPE',
      `${encoding} encoding (compression) is not accepted by this server; only snappy is acceptable`,
    )
  }
  if (store.refusal !== undefined) {
    throw new ProblemError(503, store.refusal.code, store.refusal.message)
  }
  const bytes = bodyOf(request)
  let written: Written
  try {
    const storeRequest = isVersion2 ? storeRequest2 : storeRequest1
    written = storeRequest(store, bytes, clock.nowMs())
  } catch (error) {
    if (!(error instanceof ProtobufError)) throw error
    throw new ProblemError(400, error.code, error.message)
  }
  try {
    await store.commit()
  } catch (error) {
    if (!(error instanceof WalWriteError)) throw error
    throw new ProblemError(503, error.code, error.message)
  }
  void reply
    .header('x-prometheus-remote-write-samples-written', String(written.samples))
    .header('x-prometheus-remote-write-histograms-written', String(written.histograms))
    .header('x-prometheus-remote-write-exemplars-written', String(written.exemplars))
  const { refused } = written
  if (refused === undefined) return reply.code(204).send()
  return reply
    .code(refused.isRetryable ? 503 : 400)
    .type('text/plain')
    .send(`${refused.text}\n`)
}

function versionOf(contentType: string): 1 | 2 {
  const [type = '', ...parameters] = contentType.split(';').map((part) => part.trim())
  const proto = parameters.find((one) => one.startsWith('proto='))?.slice('proto='.length)
  const isKnown =
    type === '' || type === 'application/x-protobuf' || type === 'application/octet-stream'
  if (
    !isKnown ||
    (proto !== undefined && proto !== VERSION_2 && proto !== 'prometheus.WriteRequest')
  ) {
    throw new ProblemError(
      415,
      'ERR_METRICS_WRITE_TYPE',
      `expected application/x-protobuf with prometheus.WriteRequest or ${VERSION_2}, got ${contentType}`,
    )
  }
  return proto === VERSION_2 ? 2 : 1
}

function bodyOf(request: FastifyRequest): Uint8Array {
  const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)
  try {
    return decompressSnappy(body, DECODED_BYTES_MAX)
  } catch (error) {
    if (!(error instanceof SnappyError)) throw error
    const status = error.code === 'ERR_SNAPPY_TOO_LARGE' ? 413 : 400
    throw new ProblemError(status, error.code, error.message)
  }
}
