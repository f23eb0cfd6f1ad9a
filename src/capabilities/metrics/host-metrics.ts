import { readFile, statfs } from 'node:fs/promises'
import { availableParallelism, cpus, freemem, loadavg, totalmem } from 'node:os'
import type { MetricFamily } from '../../platform/metrics-text.ts'

const SECOND_MS = 1_000

/** What the machine is doing: processors, memory, load, and the disk of a folder. What this system does not tell is left out. */
export async function hostMetrics(folder: string): Promise<readonly MetricFamily[]> {
  const [disk, available] = await Promise.all([
    statfs(folder).catch(() => undefined),
    availableMemory(),
  ])
  return [
    {
      name: 'backplane_host_cpu_seconds_total',
      help: 'Time of all processors, by what they did.',
      type: 'counter',
      samples: cpuSamples(),
    },
    gauge('backplane_host_cpus', 'Processors that may be used.', availableParallelism()),
    gauge(
      'backplane_host_load1',
      'Processes that wanted to run, in the last minute.',
      loadavg()[0] ?? 0,
    ),
    gauge('backplane_host_memory_total_bytes', 'Memory of the machine.', totalmem()),
    gauge(
      'backplane_host_memory_available_bytes',
      'Memory that can be had without swapping.',
      available,
    ),
    ...(disk === undefined
      ? []
      : [
          gauge(
            'backplane_host_disk_size_bytes',
            'Size of the file system of the data folder.',
            disk.blocks * disk.bsize,
          ),
          gauge(
            'backplane_host_disk_available_bytes',
            'What is free there.',
            disk.bavail * disk.bsize,
          ),
        ]),
  ]
}

function gauge(name: string, help: string, value: number): MetricFamily {
  return { name, help, type: 'gauge', samples: [{ labels: {}, value }] }
}

function cpuSamples() {
  const modes = ['user', 'nice', 'sys', 'idle', 'irq'] as const
  const all = cpus()
  return modes.map((mode) => ({
    labels: { mode: mode === 'sys' ? 'system' : mode },
    value: all.reduce((sum, { times }) => sum + times[mode], 0) / SECOND_MS,
  }))
}

/** `MemAvailable` of Linux; elsewhere what is free. */
async function availableMemory(): Promise<number> {
  const text = await readFile('/proc/meminfo', 'utf8').catch(() => '')
  const kib = /^MemAvailable:\s+(\d+) kB$/m.exec(text)?.[1]
  return kib === undefined ? freemem() : Number(kib) * 1_024
}
