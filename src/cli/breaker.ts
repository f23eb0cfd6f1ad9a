import type { BreakerState } from '../contracts/resilience.ts'
import { CommandError, findAdmin } from './admin-client.ts'
import { parseArguments, printExit, type CommandSpec } from './arguments.ts'
import { runGuarded, targetFlags } from './command.ts'
import type { Io } from './io.ts'
import { formatColumns } from './status-text.ts'

const spec = {
  name: 'breaker',
  summary:
    'Shows the circuit breakers, or orders what that of a service does until it is `auto` again.',
  positionals: [
    {
      name: 'SERVICE',
      description: 'Only of this service; all where it is left out.',
      isOptional: true,
    },
    {
      name: 'ORDER',
      description:
        'open: no call is made; close: every call is made; disable: the same, and nothing is counted; auto: it decides by itself.',
      isOptional: true,
    },
  ],
  flags: targetFlags,
  notes: ['An order is kept over restarts, until it is `auto`.'],
} as const satisfies CommandSpec

const ORDERS: ReadonlyMap<string, string> = new Map([
  ['open', 'open'],
  ['close', 'closed'],
  ['closed', 'closed'],
  ['disable', 'disabled'],
  ['disabled', 'disabled'],
  ['auto', 'auto'],
])

/** `backplane breaker [SERVICE [ORDER]]`. */
export async function runBreaker(argv: readonly string[], io: Io): Promise<number> {
  const parsed = parseArguments(argv, spec)
  if (parsed.kind === 'exit') return printExit(parsed, io)
  const { flags, positionals } = parsed
  const [service, word] = positionals
  return runGuarded(io, flags.json, async () => {
    const admin = await findAdmin(flags, io)
    if (service !== undefined && word !== undefined) {
      const order = orderOf(word)
      const path = `/api/v1/services/${encodeURIComponent(service)}/breaker`
      const answer = await admin.call('PUT', path, { order })
      const said = order === 'auto' ? 'decides by itself' : `is ${order} until it is auto again`
      io.stdout.write(
        flags.json ? `${JSON.stringify(answer)}\n` : `the breaker of ${service} ${said}\n`,
      )
      return 0
    }
    const path =
      service === undefined
        ? '/api/v1/breakers'
        : `/api/v1/services/${encodeURIComponent(service)}/resilience`
    const { breakers } = (await admin.call('GET', path)) as { breakers: readonly BreakerState[] }
    io.stdout.write(flags.json ? `${JSON.stringify({ breakers })}\n` : formatBreakers(breakers))
    return 0
  })
}

function orderOf(word: string): string {
  const order = ORDERS.get(word)
  if (order !== undefined) return order
  const message = `ORDER is open, close, disable or auto, not '${word}'.`
  throw new CommandError('ERR_CLI_USAGE', message, 2)
}

/** One line a breaker. */
export function formatBreakers(breakers: readonly BreakerState[]): string {
  if (breakers.length === 0) return 'no breaker: services without one always are called\n'
  const rows = breakers.map(({ service, instance, state, order, because }) => [
    instance === '' ? service : `  ${instance}`,
    order === 'auto' ? state : order,
    because === state ? '' : because,
  ])
  return `${formatColumns(rows).join('\n')}\n`
}
