/** OpenTelemetry's own exporters, over HTTP (protobuf and JSON) and gRPC: a record and a span each, and what they said of it. */
import { load } from './load.mjs'

const [http, grpc] = process.argv.slice(2)
const { LoggerProvider, SimpleLogRecordProcessor } = load('@opentelemetry/sdk-logs')
const { BasicTracerProvider, SimpleSpanProcessor } = load('@opentelemetry/sdk-trace-base')
const { resourceFromAttributes } = load('@opentelemetry/resources')
const { SpanStatusCode, trace, context } = load('@opentelemetry/api')

const url = (kind, path) => (kind === 'grpc' ? grpc : `${http}${path}`)

for (const kind of ['proto', 'http', 'grpc']) {
  const { OTLPLogExporter } = load(`@opentelemetry/exporter-logs-otlp-${kind}`)
  const { OTLPTraceExporter } = load(`@opentelemetry/exporter-trace-otlp-${kind}`)
  const resource = resourceFromAttributes({ 'service.name': `by-${kind}`, 'host.name': 'h1' })
  const compression = kind === 'http' ? 'none' : 'gzip'
  const told = []
  const watched = (exporter) => {
    const { export: send } = exporter
    exporter.export = (items, done) =>
      send.call(exporter, items, (result) => {
        told.push(result.error?.message ?? result.code)
        done(result)
      })
    return exporter
  }
  const tracers = new BasicTracerProvider({
    resource,
    spanProcessors: [
      new SimpleSpanProcessor(
        watched(new OTLPTraceExporter({ url: url(kind, '/v1/traces'), compression })),
      ),
    ],
  })
  const loggers = new LoggerProvider({
    resource,
    processors: [
      new SimpleLogRecordProcessor({
        exporter: watched(new OTLPLogExporter({ url: url(kind, '/v1/logs'), compression })),
      }),
    ],
  })
  const span = tracers.getTracer('shop').startSpan('charge', { attributes: { amount: 12.5 } })
  span.addEvent('tried', { card: 'visa' })
  span.setStatus({ code: SpanStatusCode.ERROR, message: 'declined' })
  span.end()
  loggers.getLogger('shop').emit({
    severityNumber: 17,
    severityText: 'ERROR',
    body: `declined by ${kind}`,
    attributes: { 'http.status': 503, order: { id: 7 }, tags: ['a', 'b'], ok: false },
    context: trace.setSpan(context.active(), span),
  })
  await tracers.forceFlush()
  await loggers.forceFlush()
  await tracers.shutdown()
  await loggers.shutdown()
  process.stdout.write(`${kind} ${span.spanContext().traceId} ${told.join(' ')}\n`)
}
