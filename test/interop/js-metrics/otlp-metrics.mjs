/** OpenTelemetry's own meters and exporters, over HTTP (protobuf and JSON) and gRPC: cumulative and delta, histograms of both kinds. */
import { load } from './load.mjs'

const [http, grpc] = process.argv.slice(2)
const { MeterProvider, PeriodicExportingMetricReader, AggregationType } = load(
  '@opentelemetry/sdk-metrics',
)
const { resourceFromAttributes } = load('@opentelemetry/resources')

for (const kind of ['proto', 'http', 'grpc']) {
  const { OTLPMetricExporter } = load(`@opentelemetry/exporter-metrics-otlp-${kind}`)
  for (const temporalityPreference of [0, 1]) {
    const exporter = new OTLPMetricExporter({
      url: kind === 'grpc' ? grpc : `${http}/v1/metrics`,
      temporalityPreference,
      compression: kind === 'proto' ? 'gzip' : 'none',
    })
    const provider = new MeterProvider({
      resource: resourceFromAttributes({
        'service.name': `by-${kind}`,
        'service.instance.id': String(temporalityPreference),
        'host.name': 'h1',
      }),
      readers: [new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })],
      views: [
        {
          instrumentName: 'fine.duration',
          aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM },
        },
      ],
    })
    const meter = provider.getMeter('interop')
    const requests = meter.createCounter('http.requests', { description: 'Requests.' })
    const duration = meter.createHistogram('http.duration', { unit: 's' })
    const fine = meter.createHistogram('fine.duration', { unit: 's' })
    for (const amount of [1, 2]) {
      requests.add(amount, { 'http.method': 'GET' })
      duration.record(amount)
      fine.record(amount)
      await provider.forceFlush()
      // Two exports within a millisecond would have one time.
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    await provider.shutdown()
  }
  process.stdout.write(`${kind}\n`)
}
