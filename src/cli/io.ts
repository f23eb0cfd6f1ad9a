import { type Readable, Writable } from 'node:stream'

/** What a command may touch. */
export interface Io {
  readonly stdout: Writable
  readonly stderr: Writable
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  /** Only where a command reads it: a password does not belong into its arguments. */
  readonly stdin?: Readable
}

/** Whether what is written is shown by a terminal, which obeys control characters. */
export function isTerminal(stream: Writable): boolean {
  return 'isTTY' in stream && stream.isTTY === true
}

/** A stream that passes on what `look` makes of each piece, and is a terminal where `stream` is one. */
export function printable(stream: Writable, look: (text: string) => string): Writable {
  const passing = new Writable({
    decodeStrings: false,
    write: (text: string, _encoding, done) => void stream.write(look(text), () => done()),
  })
  return Object.assign(passing, { isTTY: isTerminal(stream) })
}
