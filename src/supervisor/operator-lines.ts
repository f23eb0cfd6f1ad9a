import { showLinesOnTerminal } from '../mechanisms/terminal-text/terminal-text.ts'

/** Where lines for people and for programs go. */
export interface OperatorStreams {
  readonly json: boolean
  readonly stdout: NodeJS.WritableStream
  readonly stderr: NodeJS.WritableStream
}

/** What the operator of `backplane up` sees: text, or with `--json` one object a line. A reader that went away is no error. */
export interface OperatorLines {
  /** Results, to stdout: the ready table, or its object. */
  result(text: string, json: unknown): void
  /** Ends in words: to stderr; as an object to stdout, where a program waits for it. */
  failure(text: string, json: unknown): void
  /** Progress, to stderr. */
  progress(text: string, json: unknown): void
}

/** Bounded where nobody reads: a terminal that is stopped must not fill our memory. */
const WAITING_BYTES_MAX = 1024 * 1024

/** Makes the writer for these streams. */
export function createOperatorLines({ json, stdout, stderr }: OperatorStreams): OperatorLines {
  for (const stream of [stdout, stderr]) stream.on('error', () => undefined)

  function write(stream: NodeJS.WritableStream, text: string, object: unknown): void {
    const { writableLength } = stream as { writableLength?: number }
    if ((writableLength ?? 0) > WAITING_BYTES_MAX) return
    const line = json ? JSON.stringify(object) : text
    // The last words of services are in the table; a terminal would obey what they have in them.
    const { isTTY } = stream as { isTTY?: boolean }
    const shown = isTTY === true ? showLinesOnTerminal(line) : line
    stream.write(shown.endsWith('\n') ? shown : `${shown}\n`)
  }

  return {
    result: (text, object) => write(stdout, text, object),
    failure: (text, object) => write(json ? stdout : stderr, text, object),
    progress: (text, object) => write(stderr, text, object),
  }
}
