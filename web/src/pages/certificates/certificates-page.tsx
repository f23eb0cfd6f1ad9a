import type { ReactNode } from 'react'
import type { CertificatesView, CertificateView } from '../../api/certificates.ts'
import { loadCertificates } from '../../api/certificates.ts'
import { formatNoun } from '../../format.ts'
import { CodeLink } from '../../ui/code-link.tsx'
import { StateBadge } from '../../ui/state.tsx'
import { useLatest } from '../keys/use-latest.ts'
import { dateText, expiryOf } from './expiry.ts'
import { IssuingPanel } from './issuing-panel.tsx'

const SOURCES: ReadonlyMap<string, string> = new Map([
  ['file', 'file'],
  ['acme', 'authority (ACME)'],
  ['local', 'our own authority'],
])

/** Who we are on HTTPS: certificates in service, those that cannot be used, and what is asked of an authority. */
export function CertificatesPage(): ReactNode {
  const [view] = useLatest(loadCertificates)
  return (
    <>
      <h1 className="hidden-text">Certificates</h1>
      {view === null ? (
        <div className="skeleton skeleton-map" aria-busy="true" />
      ) : (
        <>
          {view.faults.length > 0 && <Faults faults={view.faults} />}
          <InService view={view} />
          {view.issuing.length > 0 && <IssuingPanel issuing={view.issuing} nowMs={view.atMs} />}
        </>
      )}
    </>
  )
}

function Faults({ faults }: Pick<CertificatesView, 'faults'>): ReactNode {
  return (
    <section className="panel problems has-errors" aria-labelledby="faults-heading">
      <div className="panel-head">
        <h2 id="faults-heading">Cannot be used</h2>
        <span className="muted">{formatNoun(faults.length, 'file')}</span>
      </div>
      <ul data-testid="certificate-faults">
        {faults.map(({ code, text, isServed }) => (
          <li key={text} className="problem">
            <span className="problem-text">
              {text}. {isServed && 'The one from before stays in service.'}
            </span>
            <CodeLink code={code} />
          </li>
        ))}
      </ul>
    </section>
  )
}

function InService({ view }: { readonly view: CertificatesView }): ReactNode {
  const { certificates, authority } = view
  return (
    <section className="panel" aria-labelledby="certificates-heading">
      <div className="panel-head">
        <h2 id="certificates-heading">Certificates in service</h2>
        <span className="muted" data-testid="certificates-summary">
          {formatNoun(certificates.length, 'certificate')}
        </span>
      </div>
      {certificates.length === 0 ? (
        <p className="empty" data-testid="certificates-none">
          No certificate: HTTPS is off, or nobody has issued one yet. On a laptop{' '}
          <code>tls: local</code> is enough.
        </p>
      ) : (
        <CertificateTable certificates={certificates} nowMs={view.atMs} />
      )}
      {authority !== null && (
        <p className="empty">
          This machine believes our own authority after{' '}
          <code data-testid="trust-command">{authority.command}</code>
        </p>
      )}
    </section>
  )
}

function CertificateTable(props: {
  readonly certificates: readonly CertificateView[]
  readonly nowMs: number
}): ReactNode {
  return (
    <table className="table cards">
      <thead>
        <tr>
          <th scope="col">Hosts</th>
          <th scope="col">Ends in</th>
          <th scope="col">Good until</th>
          <th scope="col">Issued by</th>
          <th scope="col">Key</th>
          <th scope="col">From</th>
        </tr>
      </thead>
      <tbody>
        {props.certificates.map((one) => (
          <CertificateRow key={one.id} one={one} nowMs={props.nowMs} />
        ))}
      </tbody>
    </table>
  )
}

function CertificateRow({
  one,
  nowMs,
}: {
  readonly one: CertificateView
  readonly nowMs: number
}): ReactNode {
  const { tone, text } = expiryOf(one, nowMs)
  const name = one.names[0] ?? one.id
  return (
    <tr data-testid={`certificate-${name}`}>
      <th scope="row" data-label="Hosts">
        <span className="stack">
          {one.names.slice(0, 5).map((host) => (
            <span key={host}>{host}</span>
          ))}
          {one.names.length > 5 && <span className="muted">and {one.names.length - 5} more</span>}
          {one.isDefault && <span className="muted">for clients that name no host</span>}
        </span>
      </th>
      <td data-label="Ends in">
        <StateBadge tone={tone} text={text} testId={`certificate-${name}-ends`} />
      </td>
      <td className="mono" data-label="Good until">
        {dateText(one.notAfterMs)}
      </td>
      <td className="wide-cell" data-label="Issued by">
        {one.issuer}
      </td>
      <td data-label="Key">{one.keyType.toUpperCase()}</td>
      <td className="muted wide-cell" data-label="From">
        <span className="stack">
          <span>{SOURCES.get(one.source) ?? one.source}</span>
          <span className="mono">{one.file}</span>
        </span>
      </td>
    </tr>
  )
}
