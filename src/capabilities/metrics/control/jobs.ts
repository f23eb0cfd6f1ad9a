import type { RelabelSpec } from '../../../mechanisms/relabel/relabel.ts'
import type { DiscoveredTarget, ScrapeJob } from '../../../contracts/metrics-state.ts'
import { formatHostPort } from '../../../platform/config/addresses.ts'
import type { MetricsSettings, ServiceMetrics } from '../settings.ts'

/** An instance as far as it is a target. */
export interface MeasuredInstance {
  readonly service: string
  readonly id: string
  readonly host: string
  readonly port: number
  readonly meta: Readonly<Record<string, string>>
  readonly tags: readonly string[]
  readonly source: string
  readonly health: string
}

/** What the file says. */
export interface JobsInput {
  readonly metrics: MetricsSettings
  readonly services: Readonly<Record<string, { readonly metrics?: ServiceMetrics }>>
}

type Scraped = Exclude<ServiceMetrics, string | undefined>

/** How a service is scraped whose instances say it by their metadata. */
const byMetadata: Omit<Scraped, 'path' | 'port'> = {
  interval: undefined,
  timeout: undefined,
  scheme: 'http',
  honorLabels: false,
  honorTimestamps: true,
  nativeHistograms: false,
  samples: 0,
  labels: 0,
  labelNameLength: 0,
  labelValueLength: 0,
  body: 64 * 1024 * 1024,
  relabel: [],
  metricRelabel: [],
}

/** Every job: those of the file, and one for each service that is measured. */
export function jobsOf(
  { metrics, services }: JobsInput,
  instances: Iterable<MeasuredInstance>,
): readonly ScrapeJob[] {
  const { scrape } = metrics
  const fixed = metrics.jobs.map((job) =>
    jobOf(
      job.name,
      job.path,
      job,
      scrape,
      job.targets.map((address) => ({ address, labels: job.targetLabels })),
    ),
  )
  const byService = Map.groupBy(instances, ({ service }) => service)
  const ofServices = [...byService].flatMap(([name, all]) => {
    const said = Object.hasOwn(services, name) ? services[name]?.metrics : undefined
    return said === 'off' ? [] : jobsOfService(name, said, all, scrape)
  })
  return [...fixed, ...ofServices]
}

function jobsOfService(
  name: string,
  said: Exclude<ServiceMetrics, 'off'>,
  instances: readonly MeasuredInstance[],
  scrape: MetricsSettings['scrape'],
): readonly ScrapeJob[] {
  const options =
    typeof said === 'object' ? said : { ...byMetadata, path: said ?? '/metrics', port: undefined }
  const wanted = instances.filter(({ meta, port }) => {
    const scraped = metaOf(meta, 'scrape')
    const hasPort = port > 0 || metaOf(meta, 'port') !== undefined || options.port !== undefined
    return hasPort && (said === undefined ? scraped === 'true' : scraped !== 'false')
  })
  // Instances may say different paths: each path is a job of the same name.
  const groups = Map.groupBy(wanted, ({ meta }) =>
    JSON.stringify([
      metaOf(meta, 'path') ?? options.path,
      metaOf(meta, 'scheme') ?? options.scheme,
    ]),
  )
  return [...groups].map(([key, group]) => {
    const [path, scheme] = JSON.parse(key) as [string, 'http' | 'https']
    const targets = group.map((instance) => targetOf(instance, options.port))
    return jobOf(name, path, { ...options, scheme }, scrape, targets)
  })
}

/** Labels of discovery are there for rules, and go before anything is stored. */
function targetOf(instance: MeasuredInstance, port: number | undefined): DiscoveredTarget {
  const said = Number(metaOf(instance.meta, 'port') ?? '')
  const own = said > 0 && said <= 65_535 ? said : undefined
  const address = formatHostPort({ host: instance.host, port: own ?? port ?? instance.port })
  const meta = Object.entries(instance.meta).map(
    ([name, value]) => [`__meta_backplane_meta_${plain(name)}`, value] as const,
  )
  return {
    address,
    labels: {
      ...Object.fromEntries(meta),
      __meta_backplane_service: instance.service,
      __meta_backplane_instance: instance.id,
      __meta_backplane_source: instance.source,
      __meta_backplane_health: instance.health,
      __meta_backplane_tags: `,${instance.tags.join(',')},`,
      service: instance.service,
      // Ports of supervised instances change with every start; their ids do not.
      instance: instance.id,
    },
  }
}

/** `prometheus.io/path`, also as Consul's clients write it. */
function metaOf(meta: Readonly<Record<string, string>>, name: string): string | undefined {
  for (const key of [`prometheus.io/${name}`, `prometheus_io_${name}`]) {
    if (Object.hasOwn(meta, key)) return meta[key]
  }
  return undefined
}

function plain(name: string): string {
  return name.replaceAll(/[^a-zA-Z0-9_]/g, '_')
}

function jobOf(
  name: string,
  path: string,
  options: Omit<Scraped, 'path' | 'port'>,
  scrape: MetricsSettings['scrape'],
  targets: readonly DiscoveredTarget[],
): ScrapeJob {
  const intervalMs = options.interval ?? scrape.interval
  return {
    name,
    scheme: options.scheme,
    path,
    intervalMs,
    timeoutMs: Math.min(options.timeout ?? scrape.timeout, intervalMs),
    honorLabels: options.honorLabels,
    honorTimestamps: options.honorTimestamps,
    nativeHistograms: options.nativeHistograms,
    sampleLimit: options.samples,
    labelLimit: options.labels,
    labelNameLengthLimit: options.labelNameLength,
    labelValueLengthLimit: options.labelValueLength,
    bodyBytesMax: options.body,
    relabel: options.relabel as readonly RelabelSpec[],
    metricRelabel: options.metricRelabel as readonly RelabelSpec[],
    targets,
  }
}
