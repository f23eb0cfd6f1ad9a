import { findAdmin } from './admin-client.ts'
import { parseArguments, printExit, type CommandSpec } from './arguments.ts'
import { runGuarded, targetFlags } from './command.ts'
import type { Io } from './io.ts'

const spec = {
  name: 'scale',
  summary: 'Says what the scaler of a service does, and why.',
  positionals: [
    { name: 'explain', description: 'This word.' },
    { name: 'SERVICE', description: 'Name of a service with `scale` in the file.' },
  ],
  flags: targetFlags,
} as const satisfies CommandSpec

/** `backplane scale explain SERVICE`. */
export async function runExplain(argv: readonly string[], io: Io): Promise<number> {
  const parsed = parseArguments(argv, spec)
  if (parsed.kind === 'exit') return printExit(parsed, io)
  const { flags, positionals } = parsed
  const [, service = ''] = positionals
  return runGuarded(io, flags.json, async () => {
    const admin = await findAdmin(flags, io)
    const path = `/api/v1/services/${encodeURIComponent(service)}/scale`
    const answer = (await admin.call('GET', path)) as { readonly lines: readonly string[] }
    io.stdout.write(flags.json ? `${JSON.stringify(answer)}\n` : `${answer.lines.join('\n')}\n`)
    return 0
  })
}
