import { GRPC_STATUS } from '../../../../mechanisms/grpc/grpc.ts'
import type { Clock } from '../../../../platform/capability.ts'
import {
  grpcOverTcp,
  type GrpcAnswer,
  type GrpcCall,
} from '../../../../platform/grpc/unary-server.ts'
import { hasCredentials } from '../../../../platform/http/guard.ts'
import type { TcpOptions } from '../../../../platform/listeners/opening.ts'
import { IngestBusyError } from '../busy.ts'
import { partialSuccess } from './answers.ts'
import {
  decompress,
  OTLP_BODY_BYTES_MAX,
  takeExport,
  type OtlpNeeds,
  type OtlpSignal,
} from './exporter.ts'

const PREFIX = '/opentelemetry.proto.collector.'
const SERVICES: ReadonlyMap<string, OtlpSignal> = new Map([
  [`${PREFIX}logs.v1.LogsService/Export`, 'logs'],
  [`${PREFIX}trace.v1.TraceService/Export`, 'traces'],
  [`${PREFIX}metrics.v1.MetricsService/Export`, 'metrics'],
])

/** OTLP over gRPC. */
export function otlpOverGrpc(
  needs: OtlpNeeds,
  token: string | undefined,
  clock: Clock,
): TcpOptions {
  return grpcOverTcp({
    clock,
    messageBytesMax: OTLP_BODY_BYTES_MAX,
    bytesMax: 2 * OTLP_BODY_BYTES_MAX,
    answer: (call) => answer(needs, token, call),
  })
}

async function answer(
  needs: OtlpNeeds,
  token: string | undefined,
  call: GrpcCall,
): Promise<GrpcAnswer> {
  const signal = SERVICES.get(call.path)
  if (signal === undefined)
    return { status: GRPC_STATUS.unimplemented, text: `no ${call.path} here` }
  if (token !== undefined && !hasCredentials(call.field('authorization'), token)) {
    return {
      status: GRPC_STATUS.unauthenticated,
      text: 'this listener demands logs.token as Bearer',
    }
  }
  try {
    const body = await decompress(call.message, call.encoding, OTLP_BODY_BYTES_MAX, needs.turns)
    const result = await takeExport(needs, signal, body, 'protobuf', new AbortController().signal)
    return { status: GRPC_STATUS.ok, message: partialSuccess(result) }
  } catch (error) {
    return failed(error)
  }
}

/** `UNAVAILABLE` may be tried again, the others may not (OTLP, "Failures"). */
function failed(error: unknown): GrpcAnswer {
  const { statusCode = 500, message } = error as { statusCode?: number; message: string }
  if (error instanceof IngestBusyError) return { status: GRPC_STATUS.unavailable, text: message }
  switch (statusCode) {
    case 404:
      return { status: GRPC_STATUS.unimplemented, text: message }
    case 429:
    case 503:
      return { status: GRPC_STATUS.unavailable, text: message }
    case 413:
      return { status: GRPC_STATUS.resourceExhausted, text: message }
    case 400:
    case 415:
      return { status: 3, text: message }
    default:
      return { status: GRPC_STATUS.internal, text: message }
  }
}
