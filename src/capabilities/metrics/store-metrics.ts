import type { MetricFamily } from '../../platform/metrics-text.ts'
import type { Store } from './store/store.ts'

/** What the store holds, as samples of its own. */
export function* storeMetrics(store: Store): Generator<MetricFamily> {
  const one = (
    name: string,
    type: 'counter' | 'gauge',
    help: string,
    value: number,
  ): MetricFamily => ({ name, help, type, samples: [{ labels: {}, value }] })
  yield one('backplane_metrics_series', 'gauge', 'Series in the head.', store.series.count)
  yield one(
    'backplane_metrics_samples_total',
    'counter',
    'Samples that were stored since the start.',
    store.head.samples,
  )
  yield one('backplane_metrics_memory_bytes', 'gauge', 'Memory of the store.', store.bytes)
  yield one('backplane_metrics_log_bytes', 'gauge', 'Log that a restart reads.', store.logBytes)
  yield one('backplane_metrics_blocks', 'gauge', 'Blocks on the disk.', store.blocks.all.length)
  yield one(
    'backplane_metrics_blocks_bytes',
    'gauge',
    'Blocks on the disk, in bytes.',
    store.blocks.diskBytes,
  )
}
