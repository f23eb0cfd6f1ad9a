import { spawn } from 'node:child_process'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { readRecords } from '../process-records.ts'
import type { Boot, FromSupervisor, ToSupervisor } from '../../contracts/supervisor.ts'
import type { HeartbeatLimits } from '../own/heartbeat-watch.ts'
import type { OwnProcessSpec } from '../own/own-process-spec.ts'
import { createInbox, type Inbox } from './inbox.ts'
import { makeFolder } from './specs.ts'

/** One life of one of ours, as the test has them. */
export interface FakeOwn {
  readonly name: string
  readonly pid: number
  readonly boot: Boot
  readonly inbox: Inbox<FromSupervisor | { readonly type: 'drain' }>
  /** Says this to the supervisor; `exit`, `print` and `block` are for the fake itself. */
  say(
    message:
      | ToSupervisor
      | { readonly type: 'drained' | 'listening' }
      | { readonly type: 'exit'; readonly code: number }
      | { readonly type: 'print'; readonly text: string }
      | { readonly type: 'block' },
  ): void
}

/** A supervisor in a process of its own, with fake control and data that the test speaks for. */
export interface FakeSystem {
  readonly pid: number
  readonly folder: string
  readonly dataDir: string
  readonly lives: Inbox<FakeOwn>
  readonly stdout: Inbox<string>
  readonly stderr: Inbox<string>
  readonly exitCode: Promise<number | null>
  signal(signal: NodeJS.Signals): void
}

export interface SystemOptions {
  readonly json?: boolean
  /** Read by `own.mjs`: what the fakes do wrong. */
  readonly overlay?: string
  /** A folder of an earlier system. */
  readonly folder?: string
  /** A third own process, `third`, beside control and data. */
  readonly third?: Pick<OwnProcessSpec, 'when' | 'isVital'>
  readonly heartbeat?: HeartbeatLimits
}

const always = { when: 'always', isVital: true } as const

/** Starts it; what is left after the test is killed. */
export async function startSystem(
  t: TestContext,
  { json = false, overlay = '', folder = makeFolder(), third, heartbeat }: SystemOptions = {},
): Promise<FakeSystem> {
  const lives = createInbox<FakeOwn>('lives')
  const dataDir = join(folder, 'data')
  const socketPath = await listenForOwn(t, lives)
  const here = import.meta.dirname
  const boot = { configFile: socketPath, overlay, dataDir, json, workers: 0 }
  const own: readonly OwnProcessSpec[] = [
    { ...always, name: 'data', entry: join(here, 'data.mjs'), role: 'traffic', stopOrder: 1 },
    { ...always, name: 'control', entry: join(here, 'control.mjs'), role: 'control', stopOrder: 0 },
    ...(third === undefined
      ? []
      : [
          {
            ...third,
            name: 'third',
            entry: join(here, 'third.mjs'),
            role: 'plain' as const,
            stopOrder: 2,
          },
        ]),
  ]
  const options = { boot, own, nodeArgs: [], json, heartbeat }
  const child = spawn(process.execPath, [join(here, 'supervisor.mjs'), JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    // A session without a terminal, as under a service manager: SIGHUP then means reload.
    detached: true,
  })
  const { promise: exitCode, resolve } = Promise.withResolvers<number | null>()
  child.once('close', (code) => resolve(code))
  // A stop that hangs is a failure with a name, not a hanging test.
  const late = setTimeout(() => child.kill('SIGABRT'), 20_000)
  t.after(async () => {
    clearTimeout(late)
    const isKilled = child.kill('SIGKILL')
    await exitCode
    for (const own of lives.items) killQuietly(own.pid)
    // A killed supervisor leaves its services: here nobody starts after it to end them.
    if (isKilled) for (const { pid } of readRecords(dataDir)) killQuietly(pid)
  })
  const inboxes = { stdout: createInbox<string>('stdout'), stderr: createInbox<string>('stderr') }
  createInterface({ input: child.stdout }).on('line', (line) => inboxes.stdout.push(line))
  createInterface({ input: child.stderr }).on('line', (line) => inboxes.stderr.push(line))
  return {
    pid: child.pid ?? 0,
    folder,
    dataDir,
    lives,
    ...inboxes,
    exitCode,
    signal: (signal) => void child.kill(signal),
  }
}

/** The first life of this one of ours from number `from` on. */
export function lifeOf(system: FakeSystem, name: string, from = 0): Promise<FakeOwn> {
  return system.lives.find((own) => own.name === name, from)
}

/** Acknowledges each `events`, as a control plane does, and answers `drain`, as a data plane does. */
export function actAlong(own: FakeOwn): void {
  own.inbox.onEach((message) => {
    if (message.type === 'events') own.say({ type: 'events-seen' })
    if (message.type === 'drain') own.say({ type: 'drained' })
  })
}

async function listenForOwn(t: TestContext, lives: Inbox<FakeOwn>): Promise<string> {
  const socketPath = join(makeFolder(), 'own.sock')
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    let own: FakeOwn | null = null
    const inbox: FakeOwn['inbox'] = createInbox('messages of the supervisor')
    const lines = createInterface({ input: socket })
    // It passes on the errors of its input: a fake that was killed resets the connection.
    lines.on('error' as never, () => undefined)
    lines.on('line', (line) => {
      const message = JSON.parse(line) as Pick<FakeOwn, 'name' | 'pid' | 'boot'>
      if (own !== null) {
        inbox.push(JSON.parse(line) as FromSupervisor)
        return
      }
      own = {
        name: message.name,
        pid: message.pid,
        boot: message.boot,
        inbox,
        say: (said) => void socket.write(`${JSON.stringify(said)}\n`),
      }
      lives.push(own)
    })
  })
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const { promise, resolve } = Promise.withResolvers<void>()
  server.listen(socketPath, resolve)
  await promise
  return socketPath
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It is gone, as it should be.
  }
}
