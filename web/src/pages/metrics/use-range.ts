import { useEffect, useState } from 'react'
import { ActionError } from '../../api/actions.ts'
import { queryRange, type RangeSeries } from '../../api/metrics.ts'
import { timesOf } from './ranges.ts'

const LOOK_MS = 15_000

/** The series of a query over the time that the address says, asked again while the page is seen; the time of the last answer, and what is wrong with the query. */
export function useRange(query: string, range: string) {
  const [series, setSeries] = useState<readonly RangeSeries[] | null>(null)
  const [times, setTimes] = useState(() => timesOf(range, Math.floor(Date.now() / 1_000)))
  const [problem, setProblem] = useState('')
  useEffect(() => {
    if (query === '') return undefined
    let isGone = false
    const look = (): void => {
      if (document.hidden) return
      const asked = timesOf(range, Math.floor(Date.now() / 1_000))
      queryRange(query, asked).then(
        (found) => {
          if (isGone) return
          setTimes(asked)
          setSeries(found)
          setProblem('')
        },
        (error: unknown) => {
          if (!isGone) setProblem(error instanceof ActionError ? error.message : String(error))
        },
      )
    }
    look()
    const timer = setInterval(look, LOOK_MS)
    return () => {
      isGone = true
      clearInterval(timer)
    }
  }, [query, range])
  return { series, problem, times }
}
