import { execFileSync } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'

/** What `/proc/PID/stat` (proc(5)) says of one process. Ticks are of USER_HZ, which is 100 on every Linux. */
export interface ProcessFacts {
  readonly pid: number
  readonly group: number
  readonly isZombie: boolean
  /** Field 22, ticks since boot: with the pid it names one process for ever (until the next boot). */
  readonly startTime: string
  /** User and system time, with that of children that were waited for. */
  readonly cpuSeconds: number
  readonly residentPages: number
}

const TICKS_PER_SECOND = 100
const hasProc = process.platform === 'linux'

/** Parses one line of `/proc/PID/stat`; null when it is none. The name in brackets may hold brackets and spaces itself. */
export function parseProcStat(text: string): ProcessFacts | null {
  const nameEnd = text.lastIndexOf(')')
  const pid = Number.parseInt(text, 10)
  // After the name: field 3 (state) is index 0, so field n is index n - 3.
  const fields = text.slice(nameEnd + 2).split(' ')
  const startTime = fields[19]
  if (nameEnd === -1 || !Number.isInteger(pid) || startTime === undefined) return null
  const ticks = [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index]), 0)
  return {
    pid,
    group: Number(fields[2]),
    isZombie: fields[0] === 'Z' || fields[0] === 'X',
    startTime,
    cpuSeconds: ticks / TICKS_PER_SECOND,
    residentPages: Number(fields[21]),
  }
}

/** The facts of one living process (Linux); null where there is none, or no `/proc`. */
export function readProcessFacts(pid: number): ProcessFacts | null {
  const text = readProcFile(`/proc/${pid}/stat`)
  return text === null ? null : parseProcStat(text)
}

/** The facts of every process that this user can see; empty where there is no `/proc`. Costs about 10 µs a process. */
export function readAllProcessFacts(): readonly ProcessFacts[] {
  if (!hasProc) return []
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .map((name) => readProcessFacts(Number(name)))
    .filter((facts) => facts !== null)
}

/** What tells a process from a later one with the same pid: field 22, or `ps -o lstart=`. Empty: no such process, or a zombie. */
export function readStartTime(pid: number): string {
  if (hasProc) {
    const facts = readProcessFacts(pid)
    return facts === null || facts.isZombie ? '' : facts.startTime
  }
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
  } catch {
    return ''
  }
}

/** Whether the value of an environment variable of a process was this when it was started. False where that cannot be read. */
export function hasEnvironment(pid: number, name: string, value: string): boolean {
  const text = readProcFile(`/proc/${pid}/environ`)
  return text !== null && `\0${text}\0`.includes(`\0${name}=${value}\0`)
}

/** Start times count from the boot, so they are worth nothing after the next one. Empty where it is not known. */
export function readBootId(): string {
  return readProcFile('/proc/sys/kernel/random/boot_id')?.trim() ?? ''
}

/** Bytes of one page of `residentPages`: what Node says of this process by what /proc says of it. 4096 where that is not known. */
export function readResidentPageBytes(): number {
  const pages = readProcessFacts(process.pid)?.residentPages ?? 0
  if (pages === 0) return 4096
  // The two are read one after the other, so the quotient is only nearly a power of two.
  return 2 ** Math.round(Math.log2(process.memoryUsage.rss() / pages))
}

/** Whether a process of this group lives. A zombie does not: nobody may ever wait for it. */
export function isGroupAlive(group: number): boolean {
  try {
    process.kill(-group, 0)
  } catch (error) {
    // EPERM: a member that changed its user. It lives.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  if (!hasProc) return true
  return readAllProcessFacts().some((facts) => facts.group === group && !facts.isZombie)
}

/** Signals every member of a group. False: there was none, or none may be signalled. */
export function signalGroup(group: number, signal: NodeJS.Signals): boolean {
  return signalProcess(-group, signal)
}

/** Signals one process (or, negative, a group). False: it is gone, or may not be signalled. */
export function signalProcess(pid: number, signal: NodeJS.Signals): boolean {
  // 0 and -1 mean "my group" and "everybody" to kill(2): a damaged record must never get that far.
  if (!Number.isInteger(pid) || Math.abs(pid) < 2) return false
  try {
    return process.kill(pid, signal)
  } catch {
    return false
  }
}

function readProcFile(path: string): string | null {
  if (!hasProc) return null
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return null
  }
}
