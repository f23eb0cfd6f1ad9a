import type { IndexedTick } from './state.ts'
import { NO_TRAFFIC } from './state.ts'

/** Columns as uPlot wants them: Unix seconds, then one column a series; null where there is no value. */
export type Columns = [number[], ...(number | null)[][]]

/** Requests and failed requests a second into a service. */
export function requestColumns(ticks: readonly IndexedTick[], service: string): Columns {
  const rows = ticks.map((tick) => tick.services.get(service) ?? NO_TRAFFIC)
  return [
    secondsOf(ticks),
    rows.map((row) => row.requestsPerSecond),
    rows.map((row) => row.errorsPerSecond),
  ]
}

/** p50, p95 and p99 in milliseconds; a gap where nothing was asked. */
export function latencyColumns(ticks: readonly IndexedTick[], service: string): Columns {
  const rows = ticks.map((tick) => tick.services.get(service) ?? null)
  return [
    secondsOf(ticks),
    rows.map((row) => row?.p50Ms ?? null),
    rows.map((row) => row?.p95Ms ?? null),
    rows.map((row) => row?.p99Ms ?? null),
  ]
}

/** Requests a second from each of the callers, in the given order. */
export function callerColumns(
  ticks: readonly IndexedTick[],
  service: string,
  callers: readonly string[],
): Columns {
  return [
    secondsOf(ticks),
    ...callers.map((caller) =>
      ticks.map((tick) => tick.edges.get(`${caller}>${service}`)?.requestsPerSecond ?? 0),
    ),
  ]
}

/** The callers of a service in the window, busiest over the whole window first, at most `max`. */
export function callersOf(
  ticks: readonly IndexedTick[],
  service: string,
  max: number,
): readonly string[] {
  const sums = new Map<string, number>()
  for (const tick of ticks) {
    for (const edge of tick.edges.values()) {
      if (edge.service !== service) continue
      sums.set(edge.caller, (sums.get(edge.caller) ?? 0) + edge.requestsPerSecond)
    }
  }
  const busiest = [...sums].toSorted(([a, sumA], [b, sumB]) => sumB - sumA || (a < b ? -1 : 1))
  // By name from here on, so that a caller keeps its colour when another one overtakes it.
  return busiest
    .slice(0, max)
    .map(([caller]) => caller)
    .toSorted()
}

function secondsOf(ticks: readonly IndexedTick[]): number[] {
  return ticks.map((tick) => tick.atMs / 1000)
}
