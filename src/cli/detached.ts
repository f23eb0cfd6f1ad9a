import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { openTextLog, type TextLog } from '../supervisor/output/text-log.ts'
import { printable, type Io } from './io.ts'

/** Set for a supervisor that runs without a terminal: what it prints goes to whoever started it, as long as that one listens. */
const DETACHED_NAME = 'BACKPLANE_DETACHED'

/** What a detached supervisor prints, one message a line. */
interface Printed {
  readonly stream: 'stdout' | 'stderr'
  readonly text: string
}

/**
 * Starts `backplane up` with these arguments as a process of its own, prints what it prints until everything is up, and leaves it. Resolves
 * with 0 then, or with its exit code where it ended before.
 */
export async function startDetached(
  argv: readonly string[],
  isJson: boolean,
  io: Io,
): Promise<number> {
  const [, program = ''] = process.argv
  const child = spawn(process.execPath, [...process.execArgv, program, 'up', ...argv], {
    cwd: io.cwd,
    env: { ...io.env, [DETACHED_NAME]: '1' },
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  const ended = Promise.withResolvers<number>()
  child.on('message', (message) => {
    const { stream, text } = message as Printed
    io[stream].write(text)
    if (stream === 'stdout' && (!isJson || isReady(text))) ended.resolve(0)
  })
  child.on('error', ended.reject)
  child.on('exit', (code) => ended.resolve(code ?? 1))
  const exitCode = await ended.promise
  if (child.connected) child.disconnect()
  child.unref()
  return exitCode
}

/** The streams of this process where it was started by `startDetached`: later lines go to `run/up.log` of the data folder; else undefined. */
export function detachedStreams(
  dataDir: string,
  io: Io,
): Pick<Io, 'stdout' | 'stderr'> | undefined {
  if (io.env[DETACHED_NAME] !== '1' || process.send === undefined) return undefined
  delete process.env[DETACHED_NAME]
  // Whoever started it may leave: that is no reason to stay, and none to go.
  process.channel?.unref()
  let log: TextLog | undefined
  const open = (stream: Printed['stream']) =>
    new Writable({
      decodeStrings: false,
      write(text: string, _encoding, done) {
        if (process.connected) process.send?.({ stream, text } satisfies Printed)
        else (log ??= openTextLog(join(dataDir, 'run', 'up.log'))).write(text.trimEnd())
        done()
      },
    })
  return { stdout: open('stdout'), stderr: open('stderr') }
}

/** Passes on to stdout, and calls back once the first line went out: that is the table, or the object, of a system that is up. */
export function whenFirstPrinted(io: Io, onPrinted: () => void): Writable {
  let isFirst = true
  return printable(io.stdout, (text) => {
    if (isFirst) onPrinted()
    isFirst = false
    return text
  })
}

function isReady(text: string): boolean {
  return text.startsWith('{"event":"ready"')
}
