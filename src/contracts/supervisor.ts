/**
 * What the supervisor and our own processes say over the Node IPC channel ('json'). Each of ours says that it is alive; only control says
 * what is in `ToSupervisor`. The supervisor executes, control decides: it knows process specifications, not services' health.
 * The channel is kept short: at most one `events` and one `output` message a subscription is unacknowledged.
 */
export interface ProcessSpec {
  /** `orders-1`: service and slot. */
  readonly id: string
  readonly service: string
  readonly argv: readonly string[]
  readonly cwd: string
  /** The complete environment but `PORT`, which the supervisor adds. */
  readonly env: Readonly<Record<string, string>>
  /** Name or number of the user that it runs as; left out: that of Backplane. */
  readonly user?: string
  /** A fixed port, or 0: a free loopback port at each start. */
  readonly port: number
  /** Runs to its end; exit 0 is success and it is not started again. */
  readonly task: boolean
  readonly restart: {
    /** `on-failure`: not after an exit with 0. `never`: not at all. A task that ends with 0 is done, whatever this says. */
    readonly policy: 'always' | 'on-failure' | 'never'
    /** Starts in a row without a life longer than `loopWindowMs`; then it is given up. Null: it is never given up. */
    readonly countMax: number | null
    readonly backoffMinMs: number
    readonly backoffMaxMs: number
    /** This many exits within `loopWindowMs` are a crash loop. */
    readonly loopCount: number
    readonly loopWindowMs: number
  }
  readonly stopSignal: 'SIGTERM' | 'SIGINT' | 'SIGQUIT' | 'SIGHUP'
  readonly stopGraceMs: number
  /** When everything stops, higher numbers stop first. */
  readonly stopOrder: number
  /** Equal hash: the same specification but for variables that Backplane adds, so a new control plane may adopt the process. */
  readonly hash: string
  /** Tells this use of the id from earlier ones: what is said of another incarnation is about a process that is gone. */
  readonly incarnation?: number
}

/** Each state carries only its own data. */
export type ProcessState =
  | {
      readonly state: 'running'
      readonly pid: number
      readonly port: number
      readonly startedAtMs: number
    }
  | {
      readonly state: 'stopping'
      readonly pid: number
      readonly port: number
      readonly killAtMs: number
    }
  | {
      readonly state: 'backing-off'
      readonly startAtMs: number
      readonly exit: ProcessExit
      readonly lastLines: readonly string[]
      readonly failure?: ProcessFailure
    }
  /** Still started again at the longest back-off, but an operator should look. */
  | {
      readonly state: 'crash-looping'
      readonly startAtMs: number
      readonly exit: ProcessExit
      readonly lastLines: readonly string[]
      readonly failure?: ProcessFailure
    }
  /** Stopped on demand, a task that ended, or one that is not started again: by its policy, or because it was given up. */
  | {
      readonly state: 'exited'
      readonly exit: ProcessExit
      readonly atMs: number
      readonly lastLines: readonly string[]
      /** It was started as often as it may be, and each life was short. */
      readonly isGivenUp?: boolean
    }
  /** Could not be spawned at all: no such program, no such folder, no permission. */
  | ({ readonly state: 'failed' } & ProcessFailure)

/** Why there was no process: a stable error code, and a sentence that begins with the id. */
export interface ProcessFailure {
  readonly code: string
  readonly message: string
}

export interface ProcessExit {
  readonly code: number | null
  readonly signal: string | null
}

export interface ProcessStatus {
  readonly spec: ProcessSpec
  readonly state: ProcessState
  /** Starts after the first one since the specification was given. */
  readonly restarts: number
  /** CPU seconds and resident bytes of the process group's leader, sampled every 2 s from /proc; 0 where unknown. */
  readonly cpuSeconds: number
  readonly residentBytes: number
  /** Other ports that its process group listens on, as long as nobody of it listens on its own; left out where there are none (Linux only). */
  readonly listensOn?: readonly number[]
  /** Who listens on its fixed port; left out where its port is not fixed. */
  readonly portUser?: PortUser
  /** Sequence number of the newest line, and lines that were dropped from the ring. */
  readonly linesLast: number
  readonly linesDropped: number
}

/** Who listens on the fixed port of a process: nobody yet, the process itself (also where that cannot be known), or another program. */
export type PortUser =
  | { readonly kind: 'nobody' }
  | { readonly kind: 'own' }
  | { readonly kind: 'other'; readonly pid: number; readonly name: string }

/** What the supervisor says of one of our own processes. */
export interface OwnProcess {
  /** `control`, `data`, ...: the list is in `src/cli/up.ts`. */
  readonly name: string
  /** 0 while there is none. */
  readonly pid: number
  /** Starts after the first one. */
  readonly restarts: number
  /** Why its last life ended, as a part of a sentence ("ended by SIGKILL"); '' before the first end. */
  readonly lastReason: string
}

export interface OutputLine {
  /** Rising from 1 for each process id. */
  readonly seq: number
  readonly atMs: number
  readonly process: string
  readonly stream: 'stdout' | 'stderr'
  /** At most 16 KiB; longer lines are cut and end with `…`. */
  readonly text: string
}

/** A line of output with the service that it is of. */
export interface CollectedLine extends OutputLine {
  readonly service: string
}

/** Supervisor to the process that keeps the output of services: everything that they print, one unacknowledged batch at a time. */
export type ToCollector = {
  readonly type: 'collect'
  readonly lines: readonly CollectedLine[]
  /** Lines that were overwritten before they could be given. */
  readonly dropped: number
}
/** Acknowledges the last batch: it is on the disk. */
export type FromCollector = { readonly type: 'collected' }

export type ToSupervisor =
  /**
   * Starts a process. One that runs with the same hash goes on, and has this specification from its next start on; with another hash it
   * is stopped first.
   */
  | { readonly type: 'start'; readonly spec: ProcessSpec }
  /** SIGTERM to the group, grace, SIGKILL. Answered by its state in `events`. */
  | { readonly type: 'stop'; readonly id: string }
  /** Drops the record of a process that does not run; its output is kept for a while as that of an ended instance. */
  | { readonly type: 'forget'; readonly id: string }
  /** Acknowledges the last `events`. */
  | { readonly type: 'events-seen' }
  /** Follows the output of some processes: first the last `tail` lines, those of ended instances of some services too, then each new one. */
  | {
      readonly type: 'follow'
      readonly subscription: number
      readonly processes: readonly string[]
      readonly former?: readonly string[]
      readonly tail: number
    }
  | { readonly type: 'output-seen'; readonly subscription: number }
  | { readonly type: 'unfollow'; readonly subscription: number }
  /** The listeners are open, services may still be starting: from now on commands find the console listener. */
  | { readonly type: 'listening'; readonly listen: Readonly<Record<string, string>> }
  /** Everything is up: printed once (a table, or one JSON line under --json). */
  | {
      readonly type: 'ready'
      readonly text: string
      readonly json: Readonly<Record<string, unknown>>
    }
  /**
   * Control cannot run. Before the first `listening` it is printed, everything stops, and this is the exit code. Afterwards nothing is stopped
   * but this control, which is started again with back-off until it can run; the operator is told once.
   */
  | {
      readonly type: 'fatal'
      readonly text: string
      readonly json: unknown
      readonly exitCode: number
    }
  /** Data is to run with this many workers: it is replaced at once. Only before it serves anybody. */
  | { readonly type: 'data-workers'; readonly workers: number }
  /** The configuration needs these of the processes that run only when they are wanted, and none of the others. Until it is said nothing changes. */
  | { readonly type: 'own-wanted'; readonly names: readonly string[] }
  /** A line for the operator on stderr. */
  | { readonly type: 'notice'; readonly text: string; readonly json: unknown }

export type FromSupervisor =
  /** First message to control, also to a restarted one: every process that there is. */
  | {
      readonly type: 'hello'
      readonly supervisorPid: number
      readonly own: readonly OwnProcess[]
      readonly processes: readonly ProcessStatus[]
    }
  | {
      readonly type: 'events'
      readonly own: readonly OwnProcess[]
      readonly processes: readonly ProcessStatus[]
    }
  | {
      readonly type: 'output'
      readonly subscription: number
      readonly lines: readonly OutputLine[]
      /** Lines that were overwritten before this reader got them. */
      readonly dropped: number
    }
  /** Reload the configuration (SIGHUP). */
  | { readonly type: 'reload' }
  /** Everything is about to stop: change nothing any more. The supervisor does the stopping itself. */
  | { readonly type: 'stopping' }

/** Each of ours to the supervisor, every second: its main thread turns. One that says nothing for long is ended and started again. */
export type FromOwnProcess = { readonly type: 'alive' }

/** Supervisor to a process that carries traffic: close the listeners to the outside, finish what is in flight; answered by `drained`. SIGTERM ends it. */
export type ToDataProcess = { readonly type: 'drain'; readonly graceMs: number }
export type FromDataProcess = { readonly type: 'listening' } | { readonly type: 'drained' }

/** How ours are started: each gets this as the environment variable BACKPLANE_BOOT (JSON, no secrets). */
export interface Boot {
  readonly configFile: string
  readonly overlay: string
  readonly dataDir: string
  /** Unix socket of the snapshot channel. */
  readonly snapshotSocket: string
  /** Unix socket on which telemetry takes records. */
  readonly recordsSocket: string
  /** Unix socket for the admin routes of the process that gets this; no file is there when it starts. */
  readonly adminSocket: string
  /** Where the admin routes of each of ours are, also of those that do not run now. */
  readonly adminSockets: readonly AdminSocket[]
  readonly json: boolean
  /** Wanted number of data-plane workers; 0: one a core. */
  readonly workers: number
}

export interface AdminSocket {
  readonly name: string
  readonly path: string
  /** Where the process takes its state from control (src/contracts/state.ts), if it takes any. */
  readonly statePath: string
}

/** `run/state.json` in the data folder: how commands find the running system, and what they can say of it without control. */
export interface RunState {
  /** The supervisor: with its start time it tells whether the file is of a system that still runs. */
  readonly pid: number
  readonly startTime: string
  readonly dataDir: string
  /** Address of each listener, by its name, as control said it last. */
  readonly listen: Readonly<Record<string, string>>
  /** Own processes that ended and are not well again; empty when all is well. */
  readonly down: readonly OwnDown[]
}

/** One of ours that does not come up again. */
export interface OwnDown {
  readonly name: string
  /** Unix milliseconds of the first end. */
  readonly sinceMs: number
  /** Ends since then. */
  readonly endCount: number
  /** The last reason, for people; may have several lines. */
  readonly reason: string
}
