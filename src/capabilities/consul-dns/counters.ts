import { TYPE } from '../../mechanisms/dns/message.ts'
import type { MetricFamily } from '../../platform/metrics-text.ts'
import type { Outcome, Transport } from './responder.ts'

const TYPE_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(TYPE).map(([name, number]) => [number, name]),
)

/** What was asked since the start, by few and fixed labels. */
export class Counters {
  readonly #queries = new Map<string, number>()
  /** Answers that were cut. */
  truncated = 0
  /** Datagrams that were no query. */
  dropped = 0
  /** Datagrams beyond the rate of their sender: told to ask over TCP, and dropped. */
  limited = { truncate: 0, drop: 0 }

  add(transport: Transport, type: number, outcome: Outcome): void {
    const key = `${transport} ${TYPE_NAMES.get(type) ?? 'OTHER'} ${outcome}`
    this.#queries.set(key, (this.#queries.get(key) ?? 0) + 1)
  }

  /** For the console. */
  view(forwards: number): object {
    const queries = [...this.#queries].map(([key, count]) => {
      const [transport = '', type = '', outcome = ''] = key.split(' ')
      return { transport, type, outcome, count }
    })
    const { truncated, dropped, limited } = this
    return { queries, truncated, dropped, limited, forwards }
  }

  *metrics(forwards: number): Generator<MetricFamily> {
    yield {
      name: 'backplane_dns_queries_total',
      help: 'Queries by transport, type and what was answered.',
      type: 'counter',
      samples: [...this.#queries].map(([key, value]) => {
        const [transport = '', type = '', outcome = ''] = key.split(' ')
        return { labels: { transport, type, outcome }, value }
      }),
    }
    yield {
      name: 'backplane_dns_truncated_total',
      help: 'Answers that did not fit and say so.',
      type: 'counter',
      samples: [{ labels: {}, value: this.truncated }],
    }
    yield {
      name: 'backplane_dns_dropped_total',
      help: 'Datagrams without an answer: no query at all, or beyond dns.rate; truncate: told to ask over TCP.',
      type: 'counter',
      samples: [
        { labels: { reason: 'garbage' }, value: this.dropped },
        { labels: { reason: 'rate' }, value: this.limited.drop },
        { labels: { reason: 'truncate' }, value: this.limited.truncate },
      ],
    }
    yield {
      name: 'backplane_dns_forwards',
      help: 'Questions that wait for other resolvers.',
      type: 'gauge',
      samples: [{ labels: {}, value: forwards }],
    }
  }
}
