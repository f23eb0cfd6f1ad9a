import type { ReactNode } from 'react'
import type { IssuingView } from '../../api/certificates.ts'
import { tryCertificate } from '../../api/certificates.ts'
import { formatNoun } from '../../format.ts'
import type { Tone } from '../../feed/views.ts'
import { CodeLink } from '../../ui/code-link.tsx'
import { StateBadge } from '../../ui/state.tsx'
import { toastDone, toastError } from '../../ui/toasts.tsx'
import { dateText, spanText } from './expiry.ts'

/** What is asked of an authority: how far it is, what failed, and when it is tried again. */
export function IssuingPanel({
  issuing,
  nowMs,
}: {
  readonly issuing: readonly IssuingView[]
  readonly nowMs: number
}): ReactNode {
  const failed = issuing.filter(({ fault }) => fault !== null).length
  return (
    <section className="panel" aria-labelledby="issuing-heading">
      <div className="panel-head">
        <h2 id="issuing-heading">Issued by an authority</h2>
        <span className="muted" data-testid="issuing-summary">
          {formatNoun(issuing.length, 'host')}
          {failed > 0 && `, ${failed} failed`}
        </span>
        <span className="muted push-right mono">{issuing[0]?.directory}</span>
      </div>
      <table className="table cards">
        <thead>
          <tr>
            <th scope="col">Host</th>
            <th scope="col">State</th>
            <th scope="col">Next</th>
            <th scope="col">Last failure</th>
            <th scope="col" aria-label="Actions" />
          </tr>
        </thead>
        <tbody>
          {issuing.map((one) => (
            <IssuingRow key={one.host} one={one} nowMs={nowMs} />
          ))}
        </tbody>
      </table>
    </section>
  )
}

function IssuingRow({
  one,
  nowMs,
}: {
  readonly one: IssuingView
  readonly nowMs: number
}): ReactNode {
  const { host, fault, window } = one
  const { tone, text } = stateOf(one)
  const mayTry = fault !== null && fault.retryAtMs <= nowMs
  return (
    <tr data-testid={`issuing-${host}`}>
      <th scope="row" data-label="Host">
        {host}
      </th>
      <td data-label="State">
        <StateBadge tone={tone} text={text} testId={`issuing-${host}-state`} />
      </td>
      <td data-label="Next" data-testid={`issuing-${host}-next`}>
        <span className="stack">
          <span>{nextOf(one, nowMs)}</span>
          {window !== null && (
            <span className="muted">
              suggested: {dateText(window.startMs)} to {dateText(window.endMs)}
            </span>
          )}
        </span>
      </td>
      <td className="wide-cell" data-label="Last failure">
        {fault === null ? (
          <span className="muted">none</span>
        ) : (
          <span className="stack">
            <span className="tone-text-bad">{fault.text}</span>
            <CodeLink code={fault.code} />
          </span>
        )}
      </td>
      <td data-label="">
        {mayTry && (
          <button
            type="button"
            className="button small"
            onClick={() =>
              void tryCertificate(host).then(
                () => toastDone(`The authority is asked for ${host}`),
                toastError,
              )
            }
          >
            Try now
          </button>
        )}
      </td>
    </tr>
  )
}

function stateOf({ step, fault, hasCertificate, failures }: IssuingView): {
  readonly tone: Tone
  readonly text: string
} {
  if (step !== '') return { tone: 'warning', text: step }
  if (fault === null) {
    return hasCertificate ? { tone: 'good', text: 'issued' } : { tone: 'quiet', text: 'waits' }
  }
  const text = `failed ${formatNoun(failures, 'time')}`
  return { tone: hasCertificate ? 'warning' : 'bad', text }
}

function nextOf({ step, nextMs, hasCertificate, fault }: IssuingView, nowMs: number): string {
  if (step !== '') return 'under way'
  const what = hasCertificate && fault === null ? 'renewed' : 'tried'
  return nextMs <= nowMs ? `${what} now` : `${what} in ${spanText(nextMs - nowMs)}`
}
