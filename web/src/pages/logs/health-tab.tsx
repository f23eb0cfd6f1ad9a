import type { ReactNode } from 'react'
import { useEffect, useState } from 'react'
import { loadLogHealth, type LogHealth } from '../../api/logs.ts'
import { formatBytes, formatCount, formatDuration, formatTime } from '../../format.ts'
import { toastError } from '../../ui/toasts.tsx'

const LOOK_MS = 2_000
/** A source that has said nothing for so long is silent. */
const SILENT_MS = 300_000
/** A source that came within so long is new. */
const NEW_MS = 600_000

/** What comes from where, what is refused or thrown away, and what is stored. */
export function HealthTab(): ReactNode {
  const [health, setHealth] = useState<LogHealth | null>(null)
  useEffect(() => {
    let isHere = true
    const look = (): void => {
      loadLogHealth().then((found) => {
        if (isHere) setHealth(found)
      }, toastError)
    }
    look()
    const timer = setInterval(look, LOOK_MS)
    return () => {
      isHere = false
      clearInterval(timer)
    }
  }, [])
  if (health === null) return <div className="skeleton skeleton-row" aria-busy="true" />
  const nowMs = Date.now()
  return (
    <div className="health-tab">
      {health.failure !== '' && (
        <p className="tone-text-bad" role="alert">
          {health.failure}
        </p>
      )}
      <p data-testid="log-stored">
        {formatCount(health.logs.rows)} log records in {formatBytes(health.logs.bytes)},{' '}
        {formatCount(health.spans.rows)} spans in {formatBytes(health.spans.bytes)};{' '}
        {health.logs.files + health.spans.files} files,{' '}
        {health.logs.unsealed + health.spans.unsealed} segments wait to be sealed.
      </p>
      <table data-testid="log-sources">
        <thead>
          <tr>
            <th scope="col">Source</th>
            <th scope="col">Service</th>
            <th scope="col">Taken</th>
            <th scope="col">Refused</th>
            <th scope="col">Thrown away</th>
            <th scope="col">Not understood</th>
            <th scope="col">Lag</th>
            <th scope="col">Last</th>
          </tr>
        </thead>
        <tbody>
          {health.sources.map((one) => (
            <tr key={`${one.source} ${one.service}`}>
              <td>{one.source}</td>
              <td>{one.service}</td>
              <td>{formatCount(one.taken)}</td>
              <td>{formatCount(one.refused)}</td>
              <td>{formatCount(one.shed)}</td>
              <td>{formatCount(one.unparsed)}</td>
              <td>{one.taken === 0 ? '' : formatDuration(one.lagMs)}</td>
              <td>
                {one.lastAtMs === 0 ? '' : formatTime(one.lastAtMs)}{' '}
                {nowMs - one.lastAtMs > SILENT_MS && one.lastAtMs > 0 && (
                  <span className="chip">silent</span>
                )}
                {one.firstAtMs > 0 && nowMs - one.firstAtMs < NEW_MS && (
                  <span className="chip">new</span>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
