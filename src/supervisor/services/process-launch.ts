import { spawn, type ChildProcess } from 'node:child_process'
import { accessSync, constants, statSync } from 'node:fs'
import type { Clock } from '../../platform/capability.ts'
import { createLineSplitter } from '../../mechanisms/line-ring/line-splitter.ts'
import { RUN_MARK_NAME } from '../left-overs.ts'
import { findSystemUser } from './system-user.ts'
import { LINE_BYTES_MAX } from '../output/process-output.ts'
import type { OutputLine, ProcessExit, ProcessSpec } from '../../contracts/supervisor.ts'

/** One life of a user's process. It leads a process group whose number is its pid. */
export interface ProcessLife {
  readonly pid: number
  /** The leader is gone; members of its group and its output may still be there. */
  readonly exited: Promise<ProcessExit>
  /** Resolves when the last line of the output was read, at the latest after a bound: a daemon may hold the pipe for ever. */
  readOutput(): Promise<void>
}

/** Why there is no process. `isPassing`: the machine is out of something, so trying again may help. */
export interface LaunchFailure {
  readonly code: string
  readonly message: string
  readonly isPassing: boolean
}

/** After the group is gone its pipes close by themselves; only a daemon that left the group holds them longer. */
const OUTPUT_CLOSE_MS = 500

/** Starts a process in its own group, with exactly the environment of its specification, PORT and the mark. */
export async function launchProcess(
  spec: ProcessSpec,
  port: number,
  { mark, clock }: { readonly mark: string; readonly clock: Clock },
  onPid: (pid: number) => void,
  onLine: (stream: OutputLine['stream'], text: string) => void,
): Promise<ProcessLife | LaunchFailure> {
  const failure = checkFolder(spec)
  if (failure !== null) return failure
  const user = spec.user === undefined ? undefined : chooseUser(spec, spec.user)
  if (user !== undefined && 'code' in user) return user
  try {
    // The port is known only now: `run: serve --port $PORT` arrives with `$PORT` still in it.
    const [program = '', ...words] = spec.argv.map((word) =>
      word.replaceAll(/\$PORT\b|\$\{PORT\}/g, String(port)),
    )
    const child = spawn(program, words, {
      cwd: spec.cwd,
      env: { ...user?.env, ...spec.env, PORT: String(port), [RUN_MARK_NAME]: mark },
      ...user?.ids,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    if (child.pid === undefined) return explainSpawnError(spec, await nextError(child))
    onPid(child.pid)
    return watchLife(child, child.pid, clock, onLine)
  } catch (error) {
    return explainSpawnError(spec, error as NodeJS.ErrnoException)
  }
}

function watchLife(
  child: ChildProcess,
  pid: number,
  clock: Clock,
  onLine: (stream: OutputLine['stream'], text: string) => void,
): ProcessLife {
  const exited = Promise.withResolvers<ProcessExit>()
  const closed = Promise.withResolvers<void>()
  child.once('exit', (code, signal) => exited.resolve({ code, signal }))
  child.once('close', () => closed.resolve())
  child.on('error', () => undefined)
  for (const name of ['stdout', 'stderr'] as const) {
    const splitter = createLineSplitter({
      lineBytesMax: LINE_BYTES_MAX,
      onLine: (text) => onLine(name, text),
    })
    child[name]?.on('data', (chunk: Buffer) => splitter.push(chunk))
    child[name]?.on('error', () => undefined)
    child[name]?.once('close', () => splitter.end())
  }
  return {
    pid,
    exited: exited.promise,
    async readOutput() {
      const cancel = clock.after(OUTPUT_CLOSE_MS, () => {
        child.stdout?.destroy()
        child.stderr?.destroy()
        closed.resolve()
      })
      await closed.promise
      cancel()
    },
  }
}

function nextError(child: ChildProcess): Promise<NodeJS.ErrnoException> {
  const { promise, resolve } = Promise.withResolvers<NodeJS.ErrnoException>()
  child.once('error', resolve)
  return promise
}

/** execve(2) says ENOENT for a missing program and for a missing folder: this tells them apart. */
function checkFolder(spec: ProcessSpec): LaunchFailure | null {
  let text = 'is not a folder'
  try {
    if (statSync(spec.cwd).isDirectory()) return null
  } catch (error) {
    text = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'does not exist' : String(error)
  }
  return {
    code: 'ERR_PROCESSES_FOLDER_NOT_FOUND',
    message: `${spec.id} cannot start: its folder ${spec.cwd} ${text}. Correct \`folder\` of the service ${spec.service}, or make it`,
    isPassing: false,
  }
}

/** Its ids, and what a login would set; nothing to change where it is our own user. */
function chooseUser(spec: ProcessSpec, wanted: string): UserChoice | LaunchFailure {
  const code = 'ERR_PROCESSES_USER'
  const user = findSystemUser(wanted)
  if (user === null) {
    const message = `${spec.id} cannot start: there is no user ${wanted} on this machine. Correct \`user\` of the service ${spec.service}, or make it (useradd)`
    return { code, message, isPassing: false }
  }
  const own = process.getuid?.() ?? -1
  if (own !== 0 && own !== user.uid) {
    const message = `${spec.id} cannot start: only root may run it as ${wanted}. Start Backplane as root, or remove \`user\` of the service ${spec.service}`
    return { code, message, isPassing: false }
  }
  const env = { HOME: user.home, USER: user.name, LOGNAME: user.name }
  return { ids: own === user.uid ? {} : { uid: user.uid, gid: user.gid }, env }
}

interface UserChoice {
  readonly ids: { readonly uid?: number; readonly gid?: number }
  readonly env: Readonly<Record<string, string>>
}

function explainSpawnError(spec: ProcessSpec, error: NodeJS.ErrnoException): LaunchFailure {
  const program = spec.argv[0] ?? ''
  switch (error.code ?? '') {
    case 'ENOENT':
      return {
        code: 'ERR_PROCESSES_PROGRAM_NOT_FOUND',
        message: `${spec.id} cannot start: ${explainNotFound(spec, program)}. Correct \`run\` of the service ${spec.service}`,
        isPassing: false,
      }
    case 'EACCES':
    case 'EPERM':
      return {
        code: 'ERR_PROCESSES_NOT_EXECUTABLE',
        message: `${spec.id} cannot start: ${program} may not be executed by this user. Run it by its interpreter, or allow it with chmod +x`,
        isPassing: false,
      }
    case 'EAGAIN':
    case 'EMFILE':
    case 'ENFILE':
    case 'ENOMEM':
      return {
        code: 'ERR_PROCESSES_SPAWN',
        message: `${spec.id} cannot start now: the machine has no room for another process (${error.code}). It is tried again; see ulimit -u, ulimit -n and free memory`,
        isPassing: true,
      }
    default:
      return {
        code: 'ERR_PROCESSES_SPAWN',
        message: `${spec.id} cannot start: ${error.message} (${error.code ?? 'no code'}). Check \`run\` and \`env\` of the service ${spec.service}`,
        isPassing: false,
      }
  }
}

function explainNotFound(spec: ProcessSpec, program: string): string {
  if (!program.includes('/')) {
    return `there is no program '${program}' in its PATH (${spec.env['PATH'] ?? 'which is not set'})`
  }
  const path = program.startsWith('/') ? program : `${spec.cwd}/${program}`
  try {
    accessSync(path, constants.F_OK)
  } catch {
    return `there is no file ${path}`
  }
  return `${path} is there, but the interpreter in its first line is not`
}
