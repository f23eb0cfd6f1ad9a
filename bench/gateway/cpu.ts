import { readdirSync, readFileSync } from 'node:fs'

/** Jiffies a second; 100 on every Linux that Node runs on. */
const HERTZ = 100

/** CPU microseconds (user and system) that these processes have used so far, all threads. */
export function cpuMicros(pids: readonly number[]): number {
  let jiffies = 0
  for (const pid of pids) {
    const stat = readStat(pid)
    if (stat === '') continue
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    jiffies += Number(fields[11]) + Number(fields[12])
  }
  return (jiffies * 1_000_000) / HERTZ
}

/** '' for a process that has ended. */
function readStat(pid: number | string): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch {
    return ''
  }
}

/** A process and its children, as they are now. */
export function processTree(root: number): number[] {
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const stat = readStat(name)
    parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]))
  }
  const tree = [root]
  for (const pid of tree) {
    for (const [child, parent] of parents) if (parent === pid) tree.push(child)
  }
  return tree
}
