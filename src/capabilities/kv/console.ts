import type { Problem } from '../../platform/capability.ts'
import type { MetricFamily } from '../../platform/metrics-text.ts'
import type { SetAside } from '../../platform/storage/set-aside.ts'
import type { Kv } from './api.ts'
import type { KvSettings } from './settings.ts'

/** From this share of `kv.size` on people should know. */
const FULL_RATIO = 0.9

/** Keys, bytes, sessions and who waits. */
export function* kvMetrics(kv: Pick<Kv, 'counts'>): Generator<MetricFamily> {
  const { keys, bytes, sessions, watchers } = kv.counts()
  const gauge = (name: string, help: string, value: number): MetricFamily => ({
    name,
    help,
    type: 'gauge',
    samples: [{ labels: {}, value }],
  })
  yield gauge('backplane_kv_keys', 'Keys.', keys)
  yield gauge('backplane_kv_size_bytes', 'Bytes of keys and values, as kv.size counts them.', bytes)
  yield gauge('backplane_kv_sessions', 'Sessions.', sessions)
  yield gauge(
    'backplane_kv_watchers',
    'Calls that wait for a change of keys or sessions.',
    watchers,
  )
}

/** What is nearly full, and what could not be read. */
export function* kvProblems(
  kv: Pick<Kv, 'counts'>,
  { size }: KvSettings,
  setAside: SetAside,
): Generator<Problem> {
  yield* setAside.problems()
  const { bytes } = kv.counts()
  if (bytes < size * FULL_RATIO) return
  yield {
    severity: bytes >= size ? 'error' : 'warning',
    code: 'ERR_KV_FULL',
    service: '',
    instance: '',
    text: `Keys and values take ${bytes} of ${size} bytes (kv.size). Delete some, or raise it.`,
  }
}
