import type { ReactNode } from 'react'
import { useEffect, useState } from 'react'
import { loadDns, loadEureka, type DnsView, type EurekaView } from '../../api/actions.ts'
import { useSystem } from '../../feed/store.ts'
import { nowOf } from '../../feed/views.ts'
import { formatCount, formatNoun } from '../../format.ts'

/** What is read again so often while it is looked at. */
const AGE_MS = 5_000

/** What clients asked over the protocols of discovery since the start; nothing where nobody asked. */
export function Protocols(): ReactNode {
  const round = Math.floor(nowOf(useSystem()) / AGE_MS)
  const [dns, setDns] = useState<DnsView | null>(null)
  const [eureka, setEureka] = useState<EurekaView | null>(null)
  useEffect(() => {
    let isLeft = false
    loadDns().then(
      (view) => isLeft || setDns(view),
      () => {},
    )
    loadEureka().then(
      (view) => isLeft || setEureka(view),
      () => {},
    )
    return () => {
      isLeft = true
    }
  }, [round])
  const asked = dns === null ? 0 : sumOf(dns.queries.map(({ count }) => count))
  const requests = eureka === null ? 0 : sumOf(eureka.requests.map(({ value }) => value))
  if (asked + requests + (dns?.dropped ?? 0) === 0) return null
  return (
    <section className="panel" aria-labelledby="protocols-heading">
      <div className="panel-head">
        <h2 id="protocols-heading">Asked over other protocols</h2>
        <span className="muted">since the control plane started</span>
      </div>
      <table className="table cards">
        <thead>
          <tr>
            <th scope="col">Listener</th>
            <th scope="col">What</th>
            <th scope="col">Answers</th>
          </tr>
        </thead>
        <tbody>
          {dns !== null && asked > 0 && <DnsRows dns={dns} />}
          {eureka !== null && requests > 0 && <EurekaRow eureka={eureka} />}
        </tbody>
      </table>
    </section>
  )
}

function DnsRows({ dns }: { readonly dns: DnsView }): ReactNode {
  const { truncated, dropped, limited, forwards } = dns
  const extra = [
    [truncated, 'cut, asked again over TCP'],
    [limited.truncate + limited.drop, 'beyond dns.rate'],
    [dropped, 'no query at all'],
    [forwards, 'waiting for resolvers'],
  ] as const
  const told = extra.filter(([count]) => count > 0)
  return (
    <>
      {dns.queries.map(({ transport, type, outcome, count }) => (
        <tr key={`${transport} ${type} ${outcome}`}>
          <th scope="row" data-label="Listener">
            consul-dns
          </th>
          <td data-label="What">
            {type} over {transport.toUpperCase()}
          </td>
          <td data-label="Answers" data-testid={`dns-${transport}-${type}-${outcome}`}>
            {formatCount(count)} {outcome}
          </td>
        </tr>
      ))}
      {told.length > 0 && (
        <tr>
          <th scope="row" data-label="Listener">
            consul-dns
          </th>
          <td data-label="What">of these, and besides</td>
          <td data-label="Answers" data-testid="dns-besides">
            {told.map(([count, what]) => `${formatCount(count)} ${what}`).join(', ')}
          </td>
        </tr>
      )}
    </>
  )
}

function EurekaRow({ eureka }: { readonly eureka: EurekaView }): ReactNode {
  const byOperation = eureka.requests.map(
    ({ labels, value }) => `${formatCount(value)} ${labels.operation} ${labels.status}`,
  )
  return (
    <tr>
      <th scope="row" data-label="Listener">
        eureka
      </th>
      <td data-label="What" data-testid="eureka-leases">
        {formatNoun(eureka.leased, 'lease')}
        {eureka.preserved > 0 && (
          <span className="tone-text-warning">, {eureka.preserved} kept beyond their end</span>
        )}
        {eureka.twins > 0 && `, ${formatNoun(eureka.twins, 'registration')} of own instances`}
      </td>
      <td data-label="Answers" data-testid="eureka-requests">
        {byOperation.join(', ')}
      </td>
    </tr>
  )
}

function sumOf(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0)
}
