import { setTimeout as delay } from 'node:timers/promises'
import { endLeftOvers } from './left-overs.ts'
import type { OwnProcessKeeper } from './own/own-process.ts'
import type { Supervision } from './supervision.ts'

/** Requests in flight may take this long when everything stops. */
export const DRAIN_GRACE_MS = 10_000
/** Control and data, from SIGTERM to SIGKILL. */
export const OWN_GRACE_MS = 5_000

/** The ordered stop: drained, then the users' processes in waves, then data, then control; works without control and without data. */
export async function stopEverything(parts: Supervision): Promise<void> {
  const { lines, table, control, data, channel, mark } = parts
  channel.send({ type: 'stopping' })
  control.abandon()
  data.abandon()
  lines.progress('stopping…', { event: 'stopping' })
  await drain(parts)
  await table.stopAll((ids) => {
    lines.progress(`stopping ${describeWave(ids)}…`, { event: 'stopping-processes', ids })
  })
  await endOwn(data)
  await endOwn(control)
  // What has left its group (a daemon) still has the mark.
  await endLeftOvers([], mark)
  lines.progress('stopped', { event: 'stopped' })
}

async function drain({ data, drained }: Supervision): Promise<void> {
  if (!data.isLive) return
  data.send({ type: 'drain', graceMs: DRAIN_GRACE_MS })
  await within(DRAIN_GRACE_MS, Promise.race([drained.promise, data.ended()]))
}

async function endOwn(own: OwnProcessKeeper): Promise<void> {
  own.signal('SIGTERM')
  await within(OWN_GRACE_MS, own.ended())
  own.signal('SIGKILL')
  await within(OWN_GRACE_MS, own.ended())
}

/** Settles with the promise, or at the latest after this time. */
async function within(waitMs: number, promise: Promise<void>): Promise<void> {
  const timer = new AbortController()
  const late = delay(waitMs, undefined, { signal: timer.signal }).catch(() => undefined)
  await Promise.race([promise, late])
  timer.abort()
}

/** `orders (2), payments`: ids are a service and a slot. */
function describeWave(ids: readonly string[]): string {
  const counts = new Map<string, number>()
  for (const id of ids) {
    const service = id.replace(/-[0-9]+$/, '')
    counts.set(service, (counts.get(service) ?? 0) + 1)
  }
  return [...counts]
    .map(([service, count]) => (count === 1 ? service : `${service} (${count})`))
    .join(', ')
}
