import type { ReactNode } from 'react'
import { retryFeed, useFeed } from '../feed/store.ts'
import { formatTime } from '../format.ts'

/** Says that what is shown is not live any more. */
export function ConnectionBanner(): ReactNode {
  const connection = useFeed((now) => now.connection)
  const isLost = connection.state === 'lost'
  const text = !isLost
    ? ''
    : connection.lastMessageAtMs === 0
      ? 'The control plane does not answer'
      : `Connection lost, showing the state of ${formatTime(connection.lastMessageAtMs)}`
  return (
    <div role="status" className="banner-slot">
      {isLost && (
        <div className="banner" data-testid="connection-banner">
          <span>{text}</span>
          <button type="button" className="button small" onClick={retryFeed}>
            Try now
          </button>
        </div>
      )}
    </div>
  )
}
