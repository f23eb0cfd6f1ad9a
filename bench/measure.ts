import { readdirSync, readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { execFileSync } from 'node:child_process'

/** Proportional set size in bytes: shared pages are divided among those who share them. */
export function pssBytes(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  return Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1] ?? 0) * 1024
}

/** User and system time of all threads, in microseconds (a tick is 10 ms). */
export function cpuMicroseconds(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10_000
}

/** A process and all below it. */
export function descendants(pid: number): number[] {
  const children = new Map<number, number[]>()
  for (const name of readdirSync('/proc').filter((one) => /^\d+$/.test(one))) {
    try {
      const text = readFileSync(`/proc/${name}/stat`, 'utf8')
      const parent = Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[1])
      children.set(parent, [...(children.get(parent) ?? []), Number(name)])
    } catch {
      continue
    }
  }
  const all = [pid]
  for (const one of all) all.push(...(children.get(one) ?? []))
  return all
}

/** The value below which the share `q` of the values lies. */
export function percentile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN
}

/** Which machine and which commit the figures are of. */
export function machineLine(): string {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()
  const [cpu] = cpus()
  return `${new Date().toISOString().slice(0, 10)}, commit ${commit}, ${cpus().length} x ${cpu?.model.trim()}, Node ${process.version}`
}

/** Rows as a Markdown table; the first row is the head. */
export function markdownTable(rows: readonly (readonly string[])[]): string {
  const [head = [], ...body] = rows
  return [head, head.map(() => '---'), ...body].map((row) => `| ${row.join(' | ')} |`).join('\n')
}

/** One line of a table of bars: what, the figure, the bar and whether it holds. `isAtLeast`: more is better. */
export function barRow(
  what: string,
  value: number,
  {
    bar,
    unit,
    isAtLeast = false,
  }: { readonly bar: number; readonly unit: string; readonly isAtLeast?: boolean },
): readonly string[] {
  const isHeld = isAtLeast ? value >= bar : value <= bar
  const digits = Math.abs(value) < 100 ? 1 : 0
  const written = (one: number, places: number): string =>
    `${one.toLocaleString('en', { maximumFractionDigits: places })} ${unit}`.trimEnd()
  return [
    what,
    written(value, digits),
    `${isAtLeast ? 'at least' : 'at most'} ${written(bar, 1)}`,
    isHeld ? 'held' : 'MISSED',
  ]
}

/** A figure without a bar. */
export function plainRow(what: string, figure: string): readonly string[] {
  return [what, figure, '', '']
}

/** Head of a table of bars. */
export const barHead = ['what', 'figure', 'bar', ''] as const

/** Resident memory of a process in bytes. */
export function residentBytes(pid: number): number {
  const kib = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kib) * 1024
}

/** What the kernel has for objects (sockets, inodes, files, what waits for them) and for the buffers of TCP, of the whole machine, in bytes. */
export function kernelBytes(): { readonly objects: number; readonly buffers: number } {
  const slab = /^Slab:\s+(\d+) kB/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]
  const pages = /^TCP:.* mem (\d+)/m.exec(readFileSync('/proc/net/sockstat', 'utf8'))?.[1]
  return { objects: Number(slab) * 1024, buffers: Number(pages) * 4096 }
}
