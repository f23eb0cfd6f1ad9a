import type { ProcessSpec, ProcessStatus } from '../../contracts/supervisor.ts'
import { readAllProcessFacts, readResidentPageBytes } from '../process-facts.ts'
import { createFormerOutputs } from '../output/former-outputs.ts'
import type { ProcessOutput } from '../output/process-output.ts'
import { findListeningPorts } from './port-holder.ts'
import { SupervisedProcess, type ProcessGround } from './supervised-process.ts'

/** Every process of the user, by id. Knows nobody who looks at it. */
export interface ProcessTable {
  start(spec: ProcessSpec): void
  stop(id: string): void
  /** Ignored while the process runs; while it is stopping it is forgotten when it has stopped. */
  forget(id: string): void
  get(id: string): SupervisedProcess | undefined
  /** What ended instances of a service printed, oldest first. */
  formerOutputs(service: string): readonly ProcessOutput[]
  statuses(): readonly ProcessStatus[]
  /** How many have a process now. */
  liveCount(): number
  /** Stops all, higher `stopOrder` first, equal ones side by side; no start is taken any more. `onWave` is called before each wave. */
  stopAll(onWave: (ids: readonly string[]) => void): Promise<void>
  /** SIGKILL to every group; no start is taken any more. */
  killAll(): void
  /** No start is taken any more, and nothing is started again. */
  abandonAll(): void
  /** Reads CPU time and memory of every group from one look at /proc; tells which ids changed, and nothing without /proc. */
  sample(): readonly string[]
}

/** Beyond this many ids a start is refused with a notice: control counts too, this is the second fence. */
export const PROCESSES_MAX = 10_000

/** Makes the table, empty. `onRefused` is told of a start that was not taken. */
export function createProcessTable(
  ground: ProcessGround,
  onRefused: (text: string) => void,
): ProcessTable {
  const processes = new Map<string, SupervisedProcess>()
  const pageBytes = readResidentPageBytes()
  const former = createFormerOutputs()
  let isStopping = false

  function all(): readonly SupervisedProcess[] {
    return [...processes.values()]
  }

  return {
    start(spec) {
      if (isStopping) return
      const known = processes.get(spec.id)
      if (known !== undefined) {
        known.start(spec)
      } else if (processes.size >= PROCESSES_MAX) {
        onRefused(`${spec.id} is not started: there are already ${PROCESSES_MAX} processes`)
      } else {
        const added = new SupervisedProcess(spec, ground)
        processes.set(spec.id, added)
        added.start(spec)
      }
    },
    stop: (id) => processes.get(id)?.stop(),
    forget(id) {
      const known = processes.get(id)
      if (known === undefined || (known.isLive && !known.isStopping)) return
      known.stop()
      void known.ended().then(() => {
        if (processes.get(id) !== known || known.isLive || !known.isStopping) return
        processes.delete(id)
        former.keep(known.spec.service, known.output)
      })
    },
    get: (id) => processes.get(id),
    formerOutputs: (service) => former.of(service),
    statuses: () =>
      all()
        .map((one) => one.status())
        .filter((status) => status !== null),
    liveCount: () => all().filter((one) => one.isLive).length,
    async stopAll(onWave) {
      isStopping = true
      const orders = new Set(all().map((one) => one.spec.stopOrder))
      for (const order of [...orders].sort((left, right) => right - left)) {
        const wave = all().filter((one) => one.spec.stopOrder === order)
        const live = wave.filter((one) => one.isLive).map((one) => one.id)
        if (live.length > 0) onWave(live)
        for (const one of wave) one.stop()
        await Promise.all(wave.map((one) => one.ended()))
      }
    },
    killAll() {
      isStopping = true
      for (const one of all()) one.kill()
    },
    abandonAll() {
      isStopping = true
      for (const one of all()) one.abandon()
    },
    sample: () => sampleGroups(all(), pageBytes),
  }
}

function sampleGroups(
  processes: readonly SupervisedProcess[],
  pageBytes: number,
): readonly string[] {
  const groups = new Map<number, GroupUse>()
  for (const one of processes) {
    if (one.pid !== 0) groups.set(one.pid, { cpuSeconds: 0, residentPages: 0, pids: [] })
  }
  if (groups.size === 0) return []
  for (const facts of readAllProcessFacts()) {
    const group = groups.get(facts.group)
    if (group === undefined) continue
    group.cpuSeconds += facts.cpuSeconds
    group.residentPages += facts.residentPages
    group.pids.push(facts.pid)
  }
  const silent = processes.filter((one) => one.isSilent)
  const ports = portsOf(silent, groups)
  return processes
    .filter((one) => {
      const group = groups.get(one.pid)
      if (group === undefined) return false
      const listensOn = ports.get(one.pid)
      return one.sample(round(group.cpuSeconds), group.residentPages * pageBytes, listensOn)
    })
    .map((one) => one.id)
}

/** Where the groups of these processes listen, by pid of the leader. Looked for only as long as one has not been seen on its own port. */
function portsOf(
  silent: readonly SupervisedProcess[],
  groups: ReadonlyMap<number, GroupUse>,
): ReadonlyMap<number, readonly number[]> {
  if (silent.length === 0) return new Map()
  const pids = silent.flatMap(({ pid }) => groups.get(pid)?.pids ?? [])
  const ports = findListeningPorts(pids)
  return new Map(
    silent.map(({ pid }) => [
      pid,
      (groups.get(pid)?.pids ?? []).flatMap((member) => ports.get(member) ?? []),
    ]),
  )
}

interface GroupUse {
  cpuSeconds: number
  residentPages: number
  readonly pids: number[]
}

/** Ticks are hundredths: what is beyond is an artefact of adding. */
function round(seconds: number): number {
  return Math.round(seconds * 100) / 100
}
