import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createFrameReader, encodeFrame } from '../../platform/snapshot/frames.ts'
import type { ListenerStatus, FromData, SnapshotOp, ToData } from '../../contracts/snapshot.ts'
import type { Boot, FromDataProcess, ToDataProcess } from '../../contracts/supervisor.ts'

type Kind = FromData['type']
type Message<K extends Kind> = Extract<FromData, { type: K }>

/** A control plane's end of the snapshot channel, for tests. */
export interface TestControl {
  readonly hello: Message<'hello'>
  update(ops: readonly SnapshotOp[], reset?: boolean): Promise<readonly ListenerStatus[]>
  /** The next message of this type for which `isIt` holds, among those that nobody has taken yet. */
  next<K extends Kind>(type: K, isIt?: (message: Message<K>) => boolean): Promise<Message<K>>
  ask(question: 'why' | 'recent', argument: string | number): Promise<unknown>
  readonly socket: Socket
}

/** The real process, as the supervisor starts it. */
export interface SpawnedData {
  readonly child: ChildProcess
  readonly dataDir: string
  control(): Promise<TestControl>
  tell(message: ToDataProcess): void
  /** Resolves with the exit code. */
  stop(): Promise<number | null>
}

export async function spawnData(workers: number): Promise<SpawnedData> {
  const dataDir = mkdtempSync(join(tmpdir(), 'backplane-data-'))
  const snapshotSocket = join(dataDir, 'snapshot.sock')
  const sockets = {
    recordsSocket: join(dataDir, 'records.sock'),
    adminSocket: '',
    adminSockets: [],
  }
  const none = { configFile: '', overlay: '', ...sockets, json: false }
  const boot: Boot = { ...none, dataDir, snapshotSocket, workers }
  const child = fork(new URL('../data.ts', import.meta.url), {
    env: { ...process.env, BACKPLANE_BOOT: JSON.stringify(boot) },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    execArgv: [],
  })
  const exited = once(child, 'exit')
  await new Promise<void>((listening) => {
    child.on('message', (message) => {
      if ((message as FromDataProcess).type === 'listening') listening()
    })
  })
  return {
    child,
    dataDir,
    control: () => connectControl(snapshotSocket),
    tell: (message) => void child.send(message),
    async stop() {
      child.kill('SIGTERM')
      const [code] = (await exited) as [number | null]
      rmSync(dataDir, { recursive: true, force: true })
      return code
    },
  }
}

async function connectControl(path: string): Promise<TestControl> {
  const socket = connect(path)
  const inbox: FromData[] = []
  let wake = (): void => {}
  const reader = createFrameReader((message) => {
    inbox.push(message as FromData)
    wake()
  })
  socket.on('data', (chunk: Buffer) => reader.feed(chunk))
  socket.on('error', () => {})
  let version = 0
  let lastAsk = 0
  const send = (message: ToData): void => void socket.write(encodeFrame(message))

  async function next<K extends Kind>(
    type: K,
    isIt: (message: Message<K>) => boolean = () => true,
  ): Promise<Message<K>> {
    for (;;) {
      const at = inbox.findIndex((message) => message.type === type && isIt(message as Message<K>))
      if (at >= 0) return inbox.splice(at, 1)[0] as Message<K>
      await new Promise<void>((resolve) => {
        const before = wake
        wake = () => {
          before()
          resolve()
        }
      })
      wake = () => {}
    }
  }

  const hello = await next('hello')
  version = hello.version
  return {
    hello,
    socket,
    next,
    async update(ops, reset = false) {
      const mine = ++version
      send({ type: 'update', version: mine, ops, ...(reset ? { reset: true } : {}) })
      return (await next('applied', (message) => message.version === mine)).listeners
    },
    async ask(question, argument) {
      const ask = ++lastAsk
      if (question === 'why') send({ type: 'why', ask, requestId: String(argument) })
      else send({ type: 'recent', ask, limit: Number(argument), onlyFailed: false })
      return (await next('answer', (message) => message.ask === ask)).body
    },
  }
}
