import { CommandError, findAdmin, type AdminClient } from './admin-client.ts'
import { parseArguments, printExit, type CommandSpec } from './arguments.ts'
import { runGuarded, targetFlags } from './command.ts'
import { runExplain } from './scale-explain.ts'
import type { Io } from './io.ts'
import type { StatusParts } from './status-text.ts'

const service = { name: 'SERVICE', description: 'Name of a service that runs here.' } as const
const names = {
  name: 'NAME',
  description: 'Services that run here, or instances of them by their id.',
  isMany: true,
} as const

type Work = (admin: AdminClient, path: string, words: readonly string[]) => Promise<string>
type ChangeSpec = CommandSpec & { readonly flags: typeof targetFlags }

/** `backplane restart NAME...`. */
export function runRestart(argv: readonly string[], io: Io): Promise<number> {
  const summary = 'Replaces instances one after the other; no request is dropped.'
  const spec = { name: 'restart', summary, positionals: [names], flags: targetFlags }
  return runForEach(argv, io, spec, async (admin, name) => {
    await admin.call('POST', `${pathOf(name)}/restart`)
    return 'is being restarted'
  })
}

/** `backplane stop NAME...`. */
export function runStop(argv: readonly string[], io: Io): Promise<number> {
  const summary =
    'Takes services out of rotation, drains and stops them. They stay stopped until `start`; of an instance there is one fewer until `scale`.'
  const spec = { name: 'stop', summary, positionals: [names], flags: targetFlags }
  return runForEach(argv, io, spec, async (admin, name) => {
    await admin.call('POST', `${pathOf(name)}/stop`)
    return 'is being stopped'
  })
}

/** `backplane start SERVICE...`. */
export function runStart(argv: readonly string[], io: Io): Promise<number> {
  const summary = 'Starts services that were stopped.'
  const many = { ...service, isMany: true }
  const spec = { name: 'start', summary, positionals: [many], flags: targetFlags }
  return runForEach(argv, io, spec, async (admin, name) => {
    await admin.call('POST', `${pathOf(name)}/start`)
    return 'is being started'
  })
}

/** `backplane drain INSTANCE...`. */
export function runDrain(argv: readonly string[], io: Io): Promise<number> {
  const summary =
    'Takes instances out of rotation: no new request, those in flight end, the process stays. `undrain` brings them back.'
  const spec = { name: 'drain', summary, positionals: [instances], flags: targetFlags }
  return runForEach(argv, io, spec, async (admin, name) => {
    await admin.call('PUT', `${await instancePath(admin, name)}/status`, {
      status: 'out-of-service',
    })
    return 'is out of rotation'
  })
}

/** `backplane undrain INSTANCE...`. */
export function runUndrain(argv: readonly string[], io: Io): Promise<number> {
  const summary = 'Brings instances back that were drained: their checks decide again.'
  const spec = { name: 'undrain', summary, positionals: [instances], flags: targetFlags }
  return runForEach(argv, io, spec, async (admin, name) => {
    await admin.call('PUT', `${await instancePath(admin, name)}/status`, { status: 'clear' })
    return 'is judged by its checks again'
  })
}

const instances = {
  name: 'INSTANCE',
  description:
    'Ids of instances, such as orders-1; orders/10.0.0.5:8080 for one that runs elsewhere.',
  isMany: true,
} as const

function pathOf(name: string): string {
  return `/api/v1/services/${encodeURIComponent(name)}`
}

/** Of `service/id`, or of an id that is looked up. Throws `CommandError`. */
async function instancePath(admin: AdminClient, name: string): Promise<string> {
  const slash = name.indexOf('/')
  const [owner, id] =
    slash > 0 ? [name.slice(0, slash), name.slice(slash + 1)] : [await ownerOf(admin, name), name]
  return `${pathOf(owner)}/instances/${encodeURIComponent(id)}`
}

async function ownerOf(admin: AdminClient, id: string): Promise<string> {
  const status = (await admin.call('GET', '/api/v1/status')) as StatusParts
  const owners = status.services.filter((one) => one.instances.some((each) => each.id === id))
  const [owner] = owners
  if (owner !== undefined && owners.length === 1) return owner.name
  const [known] = status.services.filter((one) => one.name === id)
  const ids = known?.instances.map((one) => one.id).join(', ')
  const hint =
    owner !== undefined
      ? `Several services have one: write SERVICE/${id}.`
      : ids === undefined
        ? "'backplane status' lists them."
        : `It is a service; its instances are ${ids || 'none'}.`
  throw new CommandError('ERR_CLI_INSTANCE_UNKNOWN', `There is no one instance '${id}'. ${hint}`)
}

/** `backplane scale SERVICE N`, `backplane scale explain SERVICE`. */
export function runScale(argv: readonly string[], io: Io): Promise<number> {
  const [first, second] = argv.filter((one) => !one.startsWith('-'))
  // A service may be called so, too.
  if (first === 'explain' && !/^(\d{1,4}|file)$/.test(second ?? '')) return runExplain(argv, io)
  return runChange(
    argv,
    io,
    {
      name: 'scale',
      summary:
        'Sets the number of instances until it is cleared with `file`; `scale explain SERVICE` says what its scaler does, and why.',
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

/** Each name by itself: what one refuses is told, the others are done, and the exit code is 1. */
async function runForEach(
  argv: readonly string[],
  io: Io,
  spec: ChangeSpec,
  work: (admin: AdminClient, name: string) => Promise<string>,
): Promise<number> {
  const parsed = parseArguments<ChangeSpec>(argv, spec)
  if (parsed.kind === 'exit') return printExit(parsed, io)
  const { flags, positionals } = parsed
  return runGuarded(io, flags.json, async () => {
    const admin = await findAdmin(flags, io)
    let exitCode = 0
    for (const name of new Set(positionals)) {
      const code = await runGuarded(io, flags.json, async () => {
        const said = await work(admin, name)
        const accepted = JSON.stringify({ service: name, status: 'accepted' })
        io.stdout.write(flags.json ? `${accepted}\n` : `${name} ${said}\n`)
        return 0
      })
      exitCode = Math.max(exitCode, code)
    }
    return exitCode
  })
}

async function runChange(
  argv: readonly string[],
  io: Io,
  spec: ChangeSpec,
  work: Work,
): Promise<number> {
  const parsed = parseArguments<ChangeSpec>(argv, spec)
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
