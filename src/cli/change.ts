import { CommandError, findAdmin, type AdminClient } from './admin-client.ts'
import { parseArguments, printExit, type CommandSpec } from './arguments.ts'
import { runGuarded, targetFlags } from './command.ts'
import type { Io } from './io.ts'

const service = { name: 'SERVICE', description: 'Name of a service that runs here.' } as const

type Work = (admin: AdminClient, path: string, words: readonly string[]) => Promise<string>

/** `backplane restart SERVICE`. */
export function runRestart(argv: readonly string[], io: Io): Promise<number> {
  return runChange(
    argv,
    io,
    {
      name: 'restart',
      summary: 'Replaces the instances of a service one after the other; no request is dropped.',
      positionals: [service],
      flags: targetFlags,
    },
    async (admin, path) => {
      await admin.call('POST', `${path}/restart`)
      return 'is being restarted, one instance after the other'
    },
  )
}

/** `backplane stop SERVICE`. */
export function runStop(argv: readonly string[], io: Io): Promise<number> {
  return runChange(
    argv,
    io,
    {
      name: 'stop',
      summary:
        'Takes a service out of rotation, drains and stops it. It stays stopped until `start`.',
      positionals: [service],
      flags: targetFlags,
    },
    async (admin, path) => {
      await admin.call('POST', `${path}/stop`)
      return 'is being stopped'
    },
  )
}

/** `backplane start SERVICE`. */
export function runStart(argv: readonly string[], io: Io): Promise<number> {
  return runChange(
    argv,
    io,
    {
      name: 'start',
      summary: 'Starts a service that was stopped.',
      positionals: [service],
      flags: targetFlags,
    },
    async (admin, path) => {
      await admin.call('POST', `${path}/start`)
      return 'is being started'
    },
  )
}

/** `backplane scale SERVICE N`. */
export function runScale(argv: readonly string[], io: Io): Promise<number> {
  return runChange(
    argv,
    io,
    {
      name: 'scale',
      summary: 'Sets the number of instances until it is cleared with `file`.',
      positionals: [
        service,
        { name: 'N', description: 'Number of instances, or `file`: what the file says.' },
      ],
      flags: targetFlags,
    },
    async (admin, path, [, count = '']) => {
      if (count === 'file') {
        await admin.call('DELETE', `${path}/overrides`)
        return 'follows the file again'
      }
      if (!/^\d{1,4}$/.test(count)) {
        throw new CommandError(
          'ERR_CLI_USAGE',
          `N is a number of instances or 'file', not '${count}'.`,
          2,
        )
      }
      await admin.call('PUT', `${path}/scale`, { instances: Number(count) })
      return `is being scaled to ${count}`
    },
  )
}

async function runChange(
  argv: readonly string[],
  io: Io,
  spec: CommandSpec & { readonly flags: typeof targetFlags },
  work: Work,
): Promise<number> {
  const parsed = parseArguments<CommandSpec & { readonly flags: typeof targetFlags }>(argv, spec)
  if (parsed.kind === 'exit') return printExit(parsed, io)
  const { flags, positionals } = parsed
  return runGuarded(io, flags.json, async () => {
    const admin = await findAdmin(flags, io)
    const [name = ''] = positionals
    const said = await work(admin, `/api/v1/services/${encodeURIComponent(name)}`, positionals)
    io.stdout.write(
      flags.json
        ? `${JSON.stringify({ service: name, status: 'accepted' })}\n`
        : `${name} ${said}\n`,
    )
    return 0
  })
}
