import type { RuleGroup } from '../mechanisms/alert-rules/rules.ts'
import type { RelabelSpec } from '../mechanisms/relabel/relabel.ts'

/** What control tells telemetry of metrics. */

/** Everything: where it listens, what it keeps, what it scrapes. */
export interface MetricsState {
  /** The section `listen` of the file: `default`, `from`, and the listener `prometheus`. */
  readonly listen: {
    readonly default: 'auto' | 'off'
    readonly from?: Readonly<Record<string, readonly string[] | undefined>> | undefined
    readonly prometheus?: { readonly host: string; readonly port: number } | 'off' | undefined
  }
  /** Where any port will do: the one that the listener had before this process started; 0: none. */
  readonly portBefore: number
  /** Host names that the listener answers to. */
  readonly hosts: readonly string[]
  readonly token: string | undefined
  readonly retention: {
    readonly timeMs: number
    /** 0: no limit. */
    readonly bytesMax: number
    readonly rules: readonly { readonly match: string; readonly timeMs: number }[]
  }
  readonly limits: {
    readonly seriesMax: number
    readonly labelValuesMax: number
    readonly outOfOrderMs: number
  }
  readonly query: {
    readonly timeoutMs: number
    readonly samplesMax: number
    readonly lookbackMs: number
  }
  readonly jobs: readonly ScrapeJob[]
  /** Rules that are evaluated: those of the file, of rule files, and those that every service gets. */
  readonly rules: readonly RuleGroup[]
  /** Where people find this program, for links in alerts; without a slash at its end. */
  readonly externalUrl: string
}

/** Targets that are scraped alike. */
export interface ScrapeJob {
  readonly name: string
  readonly scheme: 'http' | 'https'
  readonly path: string
  readonly intervalMs: number
  readonly timeoutMs: number
  readonly honorLabels: boolean
  readonly honorTimestamps: boolean
  /** Protobuf is asked for first: only it has native histograms. */
  readonly nativeHistograms: boolean
  /** 0: no limit. */
  readonly sampleLimit: number
  readonly labelLimit: number
  readonly labelNameLengthLimit: number
  readonly labelValueLengthLimit: number
  readonly bodyBytesMax: number
  readonly relabel: readonly RelabelSpec[]
  readonly metricRelabel: readonly RelabelSpec[]
  readonly targets: readonly DiscoveredTarget[]
}

/** A target before relabelling. */
export interface DiscoveredTarget {
  /** `host:port`. */
  readonly address: string
  readonly labels: Readonly<Record<string, string>>
}
