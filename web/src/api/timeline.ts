import type { TimelinePage } from '../../../src/contracts/timeline.ts'
import { send } from './actions.ts'

/** What is asked for; '' is everything. */
export interface TimelineFilter {
  readonly service: string
  readonly kind: string
}

/** Asks for events, newest first; with `after` it waits for a newer one. Throws `ActionError`. */
export async function loadTimeline(
  { service, kind }: TimelineFilter,
  bounds: { readonly before?: number; readonly after?: number },
): Promise<TimelinePage> {
  const query = new URLSearchParams({ limit: '100' })
  if (service !== '') query.set('service', service)
  if (kind !== '') query.set('kind', kind)
  if (bounds.before !== undefined) query.set('before', String(bounds.before))
  if (bounds.after !== undefined) {
    query.set('after', String(bounds.after))
    query.set('waitMs', '20000')
  }
  return (await send('GET', `/api/v1/timeline?${query}`)) as TimelinePage
}
