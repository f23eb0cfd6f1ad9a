import { spawn, type ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile, mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '../..')

/** What `up --json` prints when everything is ready. */
export interface Ready {
  readonly event: 'ready'
  readonly listen: Readonly<Record<string, string>>
  readonly pids: { readonly supervisor: number; readonly control: number; readonly data: number }
}

/** A running Backplane of a test: the real program in a temporary folder. */
export interface Running extends AsyncDisposable {
  readonly folder: string
  readonly ready: Ready
  /** `http://127.0.0.1:PORT` of the gateway. */
  readonly gateway: string
  readonly admin: string
  readonly child: ChildProcess
  /** Everything on stdout and stderr until now. */
  output(): string
  /** Writes the configuration anew. */
  configure(config: string): Promise<void>
  /** Ends it as Ctrl-C does and returns the exit code. */
  stop(): Promise<number | null>
}

export interface StartOptions {
  readonly config: string
  readonly files?: Readonly<Record<string, string>>
  readonly env?: Readonly<Record<string, string>>
  readonly args?: readonly string[]
  /** An existing folder of an earlier run. */
  readonly folder?: string
  readonly keepFolder?: boolean
}

/** Runs the CLI to its end. */
export async function runCli(
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
  const child = spawn(join(root, 'bin/backplane'), args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [stdout, stderr, code] = await Promise.all([
    collect(child.stdout),
    collect(child.stderr),
    exitOf(child),
  ])
  return { code, stdout, stderr }
}

/** Starts it and waits until it is ready. The configuration should say `listen: { default: off, gateway: 0, console: 0 }`. */
export async function startBackplane(options: StartOptions): Promise<Running> {
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'backplane-e2e-')))
  await writeFile(join(folder, 'backplane.yaml'), options.config)
  for (const [name, text] of Object.entries(options.files ?? {})) {
    await mkdir(dirname(join(folder, name)), { recursive: true })
    await writeFile(join(folder, name), text)
  }
  const child = spawn(join(root, 'bin/backplane'), ['up', '--json', ...(options.args ?? [])], {
    cwd: folder,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text))
  const exited = exitOf(child)
  const ready = await Promise.race([
    firstEvent(child),
    exited.then((code) => {
      throw new Error(`backplane ended with ${code} before it was ready\n${output}`)
    }),
  ])
  async function stop(): Promise<number | null> {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGINT')
    return exited
  }
  return {
    folder,
    ready,
    gateway: `http://${ready.listen['gateway']}`,
    admin: `http://${ready.listen['console']}`,
    child,
    output: () => output,
    configure: (config) => writeFile(join(folder, 'backplane.yaml'), config),
    stop,
    async [Symbol.asyncDispose]() {
      await stop()
      if (options.keepFolder !== true) await rm(folder, { recursive: true, force: true })
    },
  }
}

/** The first line of stdout that is a `ready` event. */
function firstEvent(child: ChildProcess): Promise<Ready> {
  return new Promise((done) => {
    let rest = ''
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        if (!line.startsWith('{')) continue
        const event = JSON.parse(line) as { event?: string }
        if (event.event === 'ready') done(event as Ready)
      }
    })
  })
}

function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((done) => child.on('close', (code) => done(code)))
}

async function collect(stream: NodeJS.ReadableStream): Promise<string> {
  let text = ''
  stream.setEncoding('utf8')
  for await (const chunk of stream) text += String(chunk)
  return text
}

/** Waits for a condition by asking again every 20 ms. Throws what `describe` says after `withinMs`. */
export async function until<Value>(
  ask: () => Promise<Value | undefined | false> | Value | undefined | false,
  what: string | (() => string),
  withinMs = 15_000,
): Promise<Value> {
  const endMs = performance.now() + withinMs
  for (;;) {
    const value = await ask()
    if (value !== undefined && value !== false) return value
    if (performance.now() > endMs) {
      const awaited = typeof what === 'string' ? what : what()
      throw new Error(`waited ${withinMs} ms for ${awaited}`)
    }
    await new Promise((done) => setTimeout(done, 20))
  }
}

/** Is there a process with this id that still runs? One that has ended and waits for its parent to notice does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) !== 'Z'
  } catch {
    return false
  }
}
