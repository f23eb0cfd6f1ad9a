import type { NotedEvent } from '../../contracts/timeline.ts'
import type { RunningView } from '../processes/api.ts'

/** What is remembered of a process, to see what happens next. */
export interface SeenProcess {
  readonly state: string
  readonly pid: number
  readonly restarts: number
}

/** How a process view is remembered. */
export function seenOf({ process: { state, pid, restarts } }: RunningView): SeenProcess {
  return { state, pid, restarts }
}

const DETAIL_UNITS_MAX = 4_000

/** What happened to a process between two looks at it; several crashes in between are one event that counts them. */
export function processEvents(
  service: string,
  before: SeenProcess | undefined,
  now: RunningView,
): readonly NotedEvent[] {
  const { id, process, isRetiring } = now
  const { state, pid, restarts } = process
  const events: NotedEvent[] = []
  const add = (event: Pick<NotedEvent, 'kind' | 'severity' | 'text' | 'detail'>): void => {
    events.push({ service, instance: id, ...event })
  }
  const isNews = state !== before?.state || restarts !== before.restarts
  const starts = restarts - (before?.restarts ?? 0)
  const isDown = state === 'backing-off' || state === 'crash-looping'
  // A life that came and went unseen has crashed too.
  const crashes = (isDown && isNews ? 1 : 0) + Math.max(0, before === undefined ? 0 : starts - 1)
  if (crashes > 0) {
    const looping = state === 'crash-looping' ? ', again and again' : ''
    const times = crashes === 1 ? '' : ` ${crashes} times`
    add({
      kind: 'crash',
      severity: 'error',
      text: `crashed${times}${looping}${because(process)}`,
      ...detailOf(process),
    })
  }
  if (state === 'running' && pid !== before?.pid) {
    const again = restarts > 0 ? ` again (start ${restarts + 1})` : ''
    add({ kind: 'start', severity: 'info', text: `started${again} as pid ${pid}` })
  }
  if (!isNews) return events
  if (state === 'failed')
    add({ kind: 'crash', severity: 'error', text: `could not be started${because(process)}` })
  if (state === 'exited') {
    const isBad = !isRetiring && process.exit !== 'exit code 0'
    const text = process.isGivenUp === true ? 'was given up' : 'ended'
    add({
      kind: isBad ? 'crash' : 'end',
      severity: isBad ? 'error' : 'info',
      text: `${text}${because(process)}`,
      ...(isBad && detailOf(process)),
    })
  }
  return events
}

/** It is not there any more, and was not seen to end. */
export function goneEvent(
  service: string,
  instance: string,
  { state }: SeenProcess,
): NotedEvent | undefined {
  if (state === 'exited' || state === 'failed') return undefined
  return { kind: 'end', severity: 'info', service, instance, text: 'was taken away' }
}

function because({ exit }: RunningView['process']): string {
  return exit === '' ? '' : `: ${exit}`
}

function detailOf({ lastLines }: RunningView['process']): { readonly detail?: string } {
  return lastLines.length === 0 ? {} : { detail: lastLines.join('\n').slice(-DETAIL_UNITS_MAX) }
}
