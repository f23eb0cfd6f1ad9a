import type { BreakerView } from './breaker.ts'
import { BREAKER, OPENED_BY } from './breaker-policy.ts'

/** One sentence: where a breaker is and why. `nowMs` is of the clock that the breaker was used with. */
export function explainBreaker(view: BreakerView, nowMs: number): string {
  switch (view.mode) {
    case 'open':
      return 'held open by an operator'
    case 'closed':
      return 'held closed by an operator'
    case 'disabled':
      return 'switched off'
    case 'auto':
      return explainState(view, nowMs)
    default:
      return view.mode satisfies never
  }
}

function explainState(view: BreakerView, nowMs: number): string {
  switch (view.state) {
    case BREAKER.closed:
      return view.openings === 0 ? 'closed' : `closed again; it had opened because ${cause(view)}`
    case BREAKER.open: {
      const leftMs = Math.max(0, Math.ceil(view.openUntilMs - nowMs))
      const row = view.openings > 1 ? `, for the ${view.openings}. time in a row` : ''
      return `open for another ${leftMs} ms${row}, because ${cause(view)}`
    }
    case BREAKER.halfOpen:
      return `half open: some calls try whether it is well again; it had opened because ${cause(view)}`
    default:
      return view.state satisfies never
  }
}

function cause(view: BreakerView): string {
  switch (view.cause) {
    case OPENED_BY.nothing:
      return 'of nothing that is known'
    case OPENED_BY.failures:
      return `${view.failures} of ${view.calls} calls failed`
    case OPENED_BY.slowCalls:
      return `${view.slow} of ${view.calls} calls were slow`
    case OPENED_BY.probes:
      return `${view.failures} of ${view.calls} probes failed and ${view.slow} were slow`
    default:
      return view.cause satisfies never
  }
}
