import { spawn, type ChildProcess } from 'node:child_process'
import type { TestContext } from 'node:test'

/** A program that speaks to us: what to start, and what it finds in its environment. */
export interface Program {
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/** How a program ended. */
export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** A program that takes longer is killed, with all that it started, and the run fails. */
  readonly withinMs?: number
}

/** What a program may print before it is taken for broken. */
const OUTPUT_CHARACTERS_MAX = 4 * 1024 * 1024

/** Runs it to its end. Throws with all that it printed where it ended badly or took too long. */
export async function runProgram(program: Program, options: RunOptions = {}): Promise<string> {
  const { withinMs = 60_000 } = options
  const running = launch(program, options)
  const timer = setTimeout(() => killGroup(running.child), withinMs)
  const startedAtMs = performance.now()
  const { code, stdout, stderr } = await running.ended
  clearTimeout(timer)
  killGroup(running.child)
  if (code === 0) return stdout
  const late = performance.now() - startedAtMs >= withinMs
  const why = late ? `was killed after ${withinMs} ms` : `ended with ${code}`
  const line = [program.command, ...program.args, ...(options.args ?? [])].join(' ')
  throw new Error(`${line} ${why}\n${stdout}\n${stderr}`)
}

/** A program that runs beside the test. */
export interface Started {
  readonly pid: number
  readonly ended: Promise<Outcome>
  stdout(): string
  stderr(): string
  /** Resolves with the first line on stdout or stderr that matches. Throws when it ended before, or after `withinMs`. */
  line(pattern: RegExp, withinMs?: number): Promise<string>
  write(text: string): void
  /** To the whole process group. */
  kill(signal: NodeJS.Signals): void
}

/** Starts it; the test's end kills it with all that it started. */
export function startProgram(t: TestContext, program: Program, options: RunOptions = {}): Started {
  const { child, ended, output, heard } = launch(program, options)
  t.after(async () => {
    killGroup(child)
    await ended
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.destroy()
  })
  return {
    pid: child.pid ?? 0,
    ended,
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    line: (pattern, withinMs = 30_000) => lineOf(pattern, withinMs, { output, heard, ended }),
    write: (text) => void child.stdin?.write(text),
    kill: (signal) => killGroup(child, signal),
  }
}

/** Output that comes later after the end of a program is not waited for. */
const OUTPUT_MS_MAX = 1_000

interface Output {
  stdout: string
  stderr: string
}

interface Launched {
  readonly child: ChildProcess
  readonly ended: Promise<Outcome>
  readonly output: Output
  /** Called at each piece of output. */
  readonly heard: Set<() => void>
}

function launch({ command, args, env }: Program, options: RunOptions): Launched {
  const { NODE_TEST_CONTEXT: _outer, ...outer } = process.env
  // A process group of its own, so that its end is the end of all that it started.
  const child = spawn(command, [...args, ...(options.args ?? [])], {
    cwd: options.cwd,
    env: { ...outer, ...env, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  })
  child.stdin.on('error', () => {})
  const output: Output = { stdout: '', stderr: '' }
  const heard = new Set<() => void>()
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text
      if (output[name].length > OUTPUT_CHARACTERS_MAX) killGroup(child)
      for (const listener of heard) listener()
    })
  }
  const ended = new Promise<Outcome>((resolve) => {
    child.on('error', (error) => resolve({ code: -1, ...output, stderr: error.message }))
    child.on('close', (code) => resolve({ code, ...output }))
    // What it has left behind in a group of its own may hold its output open.
    child.on('exit', (code) => {
      setTimeout(() => resolve({ code, ...output }), OUTPUT_MS_MAX).unref()
    })
  })
  return { child, ended, output, heard }
}

function killGroup({ pid }: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, signal)
  } catch {
    // It has ended.
  }
}

async function lineOf(
  pattern: RegExp,
  withinMs: number,
  { output, heard, ended }: Pick<Launched, 'output' | 'heard' | 'ended'>,
): Promise<string> {
  const found = Promise.withResolvers<string>()
  const printed = (): string => `${output.stdout}\n${output.stderr}`
  const look = (): void => {
    const line = printed()
      .split('\n')
      .find((one) => pattern.test(one))
    if (line !== undefined) found.resolve(line)
  }
  const fail = (why: string): void =>
    found.reject(new Error(`${why} before a line matched ${String(pattern)}\n${printed()}`))
  const timer = setTimeout(() => fail(`${withinMs} ms went by`), withinMs)
  void ended.then(({ code }) => {
    look()
    fail(`it ended with ${code}`)
  })
  heard.add(look)
  look()
  try {
    return await found.promise
  } finally {
    heard.delete(look)
    clearTimeout(timer)
  }
}
