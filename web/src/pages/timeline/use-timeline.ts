import { useCallback, useEffect, useMemo, useState } from 'react'
import type { TimelineEvent } from '../../../../src/contracts/timeline.ts'
import { loadTimeline } from '../../api/timeline.ts'
import { toastError } from '../../ui/toasts.tsx'

/** More than this are not kept in the page. */
const SHOWN_MAX = 2_000
/** After a question that failed. */
const AGAIN_MS = 3_000

/** The events of a filter, newest first; null before the first answer. */
export interface ShownTimeline {
  readonly events: readonly TimelineEvent[] | null
  /** There may be older ones. */
  readonly hasMore: boolean
  readonly loadMore: () => void
}

/** Reads the newest events and then waits for each further one, as long as the page is there. */
export function useTimeline(service: string, kind: string): ShownTimeline {
  const [events, setEvents] = useState<readonly TimelineEvent[] | null>(null)
  const [hasMore, setHasMore] = useState(false)
  const filter = useMemo(() => ({ service, kind }), [service, kind])

  useEffect(() => {
    let isHere = true
    let timer: ReturnType<typeof setTimeout> | undefined
    setEvents(null)
    async function follow(after: number | undefined): Promise<void> {
      let last = after
      try {
        const page = await loadTimeline(filter, after === undefined ? {} : { after })
        if (!isHere) return
        last = page.last
        if (after === undefined) setHasMore(page.events.length === 100)
        setEvents((before) => [...page.events, ...(before ?? [])].slice(0, SHOWN_MAX))
        void follow(last)
      } catch {
        // That the control plane is away is said by the banner.
        if (isHere) timer = setTimeout(() => void follow(last), AGAIN_MS)
      }
    }
    void follow(undefined)
    return () => {
      isHere = false
      clearTimeout(timer)
    }
  }, [filter])

  const oldest = events?.at(-1)?.seq
  const loadMore = useCallback((): void => {
    if (oldest === undefined) return
    loadTimeline(filter, { before: oldest }).then((page) => {
      setHasMore(page.events.length === 100)
      setEvents((before) => [...(before ?? []), ...page.events].slice(0, SHOWN_MAX))
    }, toastError)
  }, [filter, oldest])
  return { events, hasMore, loadMore }
}
