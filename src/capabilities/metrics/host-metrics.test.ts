import assert from 'node:assert/strict'
import { tmpdir, totalmem } from 'node:os'
import { test } from 'node:test'
import { renderMetrics } from '../../platform/metrics-text.ts'
import { hostMetrics } from './host-metrics.ts'

test('the machine is measured: processors by what they did, memory, load and the disk of the data folder', async () => {
  const text = renderMetrics(await hostMetrics(tmpdir()))
  const valueOf = (series: string): number => {
    const line = text.split('\n').find((one) => one.startsWith(`${series} `))
    return Number(line?.slice(series.length + 1))
  }
  assert.ok(valueOf('backplane_host_cpu_seconds_total{mode="user"}') > 0)
  assert.ok(valueOf('backplane_host_cpu_seconds_total{mode="idle"}') >= 0)
  assert.equal(valueOf('backplane_host_memory_total_bytes'), totalmem())
  assert.ok(valueOf('backplane_host_memory_available_bytes') <= totalmem())
  assert.ok(valueOf('backplane_host_cpus') >= 1)
  assert.ok(
    valueOf('backplane_host_disk_available_bytes') <= valueOf('backplane_host_disk_size_bytes'),
  )
})

test('a folder that is not there has no disk', async () => {
  const names = (await hostMetrics('/nowhere/at/all')).map(({ name }) => name)
  assert.ok(!names.includes('backplane_host_disk_size_bytes'))
})
