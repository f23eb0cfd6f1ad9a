import { readFileSync } from 'node:fs'
import { nearestWord } from '../mechanisms/nearest-word/nearest-word.ts'
import type { Io } from './io.ts'

const help = `backplane: the whole backend of a microservices system in one program

  backplane up                   start everything that backplane.yaml describes; Ctrl-C stops it in order
  backplane up -d                leave it running; 'backplane down' stops it in order
  backplane check                validate the configuration without starting anything
  backplane status [SERVICE...]  services, instances, listeners and what is wrong
  backplane logs [NAME...] -f    the output of services or instances, also of those that have ended
  backplane restart NAME...      replace instances one after the other
  backplane stop NAME...         out of rotation, drained, stopped; stays so until start
  backplane start SERVICE...     start stopped services
  backplane drain INSTANCE...    out of rotation, the process stays; 'undrain' brings it back
  backplane scale SERVICE N      run N instances, until the override is cleared (N = file)
  backplane scale explain NAME   what the scaler of a service does, and why
  backplane breaker [SERVICE]    circuit breakers; with open, close, disable or auto behind it: an order
  backplane run SERVICE COMMAND  a command in the folder and with the environment of a service
  backplane identity WHAT ACTION clients, accounts, grants and signing keys of the issuer
  backplane why REQUEST-ID       how a recent request was decided
  backplane completion SHELL     completion for bash, zsh or fish

Every command knows --help and --json. Exit codes: 0 done, 1 failed, 2 wrong use, 3 already running.
`

/** `--help`, `--version`, and what is no command. */
export async function runUnknown(name: string, known: readonly string[], io: Io): Promise<number> {
  if (name === '--version' || name === '-v' || name === 'version') {
    io.stdout.write(`${packageVersion()}\n`)
    return 0
  }
  if (name === '--help' || name === '-h' || name === 'help') {
    io.stdout.write(help)
    return 0
  }
  const nearest = nearestWord(name, known)
  io.stderr.write(
    `backplane: '${name}' is not a command.${nearest === undefined ? '' : ` Did you mean '${nearest}'?`} 'backplane --help' lists all.\n`,
  )
  return 2
}

/** The version of this package: above `src/cli` in a checkout, above `dist` where it is installed. */
export function packageVersion(): string {
  for (const place of ['../package.json', '../../package.json']) {
    try {
      const parsed: unknown = JSON.parse(readFileSync(new URL(place, import.meta.url), 'utf8'))
      if (typeof parsed === 'object' && parsed !== null && 'version' in parsed)
        return String(parsed.version)
    } catch {
      continue
    }
  }
  return 'unknown'
}
