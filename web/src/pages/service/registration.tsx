import type { ReactNode } from 'react'
import { useEffect, useState } from 'react'
import { loadRegistration, type RegistrationView } from '../../api/actions.ts'
import { formatDuration } from '../../format.ts'

/** What is read again so often while it is looked at. */
const AGE_MS = 5_000

/** Who said that the instance exists, and how old its lease is. */
export function Registration(props: {
  readonly service: string
  readonly id: string
  readonly nowMs: number
}): ReactNode {
  const { service, id, nowMs } = props
  const [found, setFound] = useState<RegistrationView | null>(null)
  const round = Math.floor(nowMs / AGE_MS)
  useEffect(() => {
    let isLeft = false
    loadRegistration(service, id).then(
      (view) => isLeft || setFound(view),
      // Nothing is told where nothing is known: the picture has the rest.
      () => isLeft || setFound(null),
    )
    return () => {
      isLeft = true
    }
  }, [service, id, round])
  if (found === null) return null
  const { leaseMs, renewedAtMs, override, overrideReason, tags, meta } = found
  const facts: readonly (readonly [string, string])[] = [
    ['Source', found.source],
    ['Node', found.node],
    ['Known for', formatDuration(Math.max(0, nowMs - found.registeredAtMs))],
    ['Lease', leaseMs === null ? 'none' : leaseText(leaseMs, nowMs - (renewedAtMs ?? nowMs))],
    ['Override', override === null ? '' : `${override} ${overrideReason}`.trim()],
    ['Tags', tags.join(', ')],
    [
      'Metadata',
      Object.entries(meta)
        .map(([key, value]) => `${key}=${value}`)
        .join(', '),
    ],
  ]
  return (
    <section data-testid={`registration-${id}`}>
      <h3>Registration</h3>
      <dl className="facts">
        {facts
          .filter(([, text]) => text !== '')
          .map(([name, text]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{text}</dd>
            </div>
          ))}
      </dl>
    </section>
  )
}

function leaseText(leaseMs: number, silentMs: number): string {
  const silent = Math.max(0, silentMs)
  // Whole: 90 s are not "1 min".
  return `${Math.round(leaseMs / 1000)} s, renewed ${formatDuration(silent)} ago`
}
