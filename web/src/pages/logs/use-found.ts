import { useCallback, useEffect, useRef, useState } from 'react'
import { ActionError } from '../../api/actions.ts'
import {
  loadFound,
  loadHistogram,
  loadTop,
  type Found,
  type Histogram,
  type LogSearch,
} from '../../api/logs.ts'
import { toastError } from '../../ui/toasts.tsx'

const PAGE_ROWS = 500
const BUCKETS = 80
/** Fields whose most frequent values are shown. */
const FACETS = {
  logs: ['service', 'level', 'source'],
  spans: ['service', 'status', 'kind'],
} as const

/** Values of a field with their counts. */
export interface Facet {
  readonly field: string
  readonly values: readonly { readonly value: string; readonly count: number }[]
}

/** What a search has found so far. */
export interface FoundState {
  readonly rows: readonly Found[]
  readonly isCut: boolean
  readonly counts: Histogram | null
  readonly facets: readonly Facet[]
  readonly isLoading: boolean
  /** A mistake in the search, with its place; '' where there is none. */
  readonly mistake: string
}

const NOTHING: FoundState = {
  rows: [],
  isCut: false,
  counts: null,
  facets: [],
  isLoading: true,
  mistake: '',
}

/** Asks for records, counts and the most frequent values side by side; `more` asks for older ones. */
export function useFound(search: LogSearch): {
  readonly state: FoundState
  readonly more: () => void
} {
  const [state, setState] = useState(NOTHING)
  const isAsking = useRef(false)
  useEffect(() => {
    let isHere = true
    const put = (part: Partial<FoundState>): void => {
      if (isHere) setState((before) => ({ ...before, ...part }))
    }
    const fail = (error: unknown): void => {
      if (!isHere) return
      if (error instanceof ActionError && error.status === 400)
        put({ mistake: error.message, isLoading: false })
      else {
        toastError(error)
        put({ isLoading: false })
      }
    }
    setState((before) => ({ ...before, isLoading: true, mistake: '' }))
    loadFound(search, PAGE_ROWS).then(
      ({ rows, isCut }) => put({ rows, isCut, isLoading: false }),
      fail,
    )
    // A mistake is told once, by the records.
    loadHistogram(search, BUCKETS).then(
      (counts) => put({ counts }),
      () => {},
    )
    const asked = FACETS[search.signal].map(async (field) => ({
      field,
      values: await loadTop(search, field),
    }))
    Promise.all(asked).then(
      (facets) => put({ facets }),
      () => {},
    )
    return () => {
      isHere = false
    }
  }, [search])
  const more = useCallback((): void => {
    const oldest = state.rows.at(-1)
    if (!state.isCut || oldest === undefined || isAsking.current) return
    isAsking.current = true
    loadFound(search, PAGE_ROWS, oldest)
      .then(({ rows, isCut }) => {
        setState((before) => ({ ...before, rows: [...before.rows, ...rows], isCut }))
      }, toastError)
      .finally(() => {
        isAsking.current = false
      })
  }, [search, state.rows, state.isCut])
  return { state, more }
}
