import type { RequestRecord } from '../contracts/snapshot.ts'
import { findAdmin } from './admin-client.ts'
import { parseArguments, printExit, type CommandSpec } from './arguments.ts'
import { runGuarded, targetFlags } from './command.ts'
import type { Io } from './io.ts'
import { formatWhy } from './why-text.ts'

const spec = {
  name: 'why',
  summary:
    'How a recent request was decided: route, candidates, attempts, timings, and the line of the configuration.',
  positionals: [
    { name: 'REQUEST-ID', description: 'As in the header x-request-id of the answer.' },
  ],
  flags: targetFlags,
} as const satisfies CommandSpec

/** `backplane why REQUEST-ID`. */
export async function runWhy(argv: readonly string[], io: Io): Promise<number> {
  const parsed = parseArguments(argv, spec)
  if (parsed.kind === 'exit') return printExit(parsed, io)
  const { flags, positionals } = parsed
  return runGuarded(io, flags.json, async () => {
    const admin = await findAdmin(flags, io)
    const path = `/api/v1/why/${encodeURIComponent(positionals[0] ?? '')}`
    const record = (await admin.call('GET', path)) as RequestRecord
    io.stdout.write(flags.json ? `${JSON.stringify(record)}\n` : formatWhy(record))
    return 0
  })
}
