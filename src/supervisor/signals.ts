import { closeSync, openSync } from 'node:fs'

/** What the world may tell the supervisor. */
export interface SignalListeners {
  /** SIGINT: the first asks for a stop, a second one insists. */
  readonly interrupt: () => void
  readonly terminate: () => void
  /** SIGHUP from somebody who wants the configuration read again. */
  readonly reload: () => void
  /** A throw that nobody caught. */
  readonly crash: (error: unknown) => void
  /** `process.exit` was called although we still run. */
  readonly exit: () => void
}

/** Listens until the returned function is called. */
export function listenForSignals(listeners: SignalListeners): () => void {
  const hadTerminal = hasTerminal()
  const hangUp = (): void => {
    // The same signal says "your terminal is gone"; then nobody is left who could press Ctrl-C.
    if (hadTerminal && !hasTerminal()) listeners.terminate()
    else listeners.reload()
  }
  process.on('SIGINT', listeners.interrupt)
  process.on('SIGTERM', listeners.terminate)
  process.on('SIGHUP', hangUp)
  process.on('uncaughtException', listeners.crash)
  process.on('exit', listeners.exit)
  return () => {
    process.off('SIGINT', listeners.interrupt)
    process.off('SIGTERM', listeners.terminate)
    process.off('SIGHUP', hangUp)
    process.off('uncaughtException', listeners.crash)
    process.off('exit', listeners.exit)
  }
}

/** Whether this process has a controlling terminal: /dev/tty opens only then (tty(4)). */
function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'))
    return true
  } catch {
    return false
  }
}
