import type { TriedRoute } from '../contracts/try-route.ts'
import { CommandError, findAdmin } from './admin-client.ts'
import { parseArguments, printExit, type CommandSpec } from './arguments.ts'
import { runGuarded, targetFlags } from './command.ts'
import type { Io } from './io.ts'
import { formatColumns } from './status-text.ts'

const spec = {
  name: 'try',
  summary:
    'Which route a request would take, which policies hold for it, which service gets it, and why. Nothing is sent.',
  positionals: [
    { name: 'METHOD', description: 'GET, POST and so on.' },
    { name: 'TARGET', description: 'Path with query, or a URL, whose host counts then.' },
    {
      name: 'HEADER',
      description: "Headers of the request, each as one word: 'x-version: 2'.",
      isOptional: true,
      isMany: true,
    },
  ],
  flags: {
    host: { type: 'value', value: 'HOST', description: 'Host of the request. Default: localhost.' },
    ...targetFlags,
  },
  notes: ['Exit code 1: no route takes the request.'],
} as const satisfies CommandSpec

/** `backplane try GET /orders/7`. */
export async function runTry(argv: readonly string[], io: Io): Promise<number> {
  const parsed = parseArguments(argv, spec)
  if (parsed.kind === 'exit') return printExit(parsed, io)
  const { flags, positionals } = parsed
  const [method = '', target = '', ...headers] = positionals
  return runGuarded(io, flags.json, async () => {
    const query = queryOf(method, target, flags.host, headers)
    const admin = await findAdmin(flags, io)
    const tried = (await admin.call('GET', `/api/v1/try?${query}`)) as TriedRoute
    io.stdout.write(flags.json ? `${JSON.stringify(tried)}\n` : formatTried(tried))
    return tried.refusal === null ? 0 : 1
  })
}

function queryOf(
  method: string,
  target: string,
  host: string | undefined,
  headers: readonly string[],
): string {
  const refuse = (message: string): CommandError => new CommandError('ERR_COMMAND_TRY', message, 2)
  const url = /^https?:\/\//.test(target) && URL.canParse(target) ? new URL(target) : undefined
  const path = url === undefined ? target : `${url.pathname}${url.search}`
  if (!path.startsWith('/')) throw refuse(`'${target}' is no path and no URL; write /orders/7`)
  if (!/^[A-Za-z]{1,32}$/.test(method)) throw refuse(`'${method}' is no method; write GET`)
  const wrong = headers.find((line) => !/^[^:\s]+:/.test(line))
  if (wrong !== undefined) throw refuse(`'${wrong}' is no header; write 'name: value'`)
  const query = new URLSearchParams({
    method: method.toUpperCase(),
    target: path,
    host: host ?? url?.hostname ?? 'localhost',
  })
  for (const line of headers) query.append('header', line)
  return query.toString()
}

/** What would happen, as plain text. */
export function formatTried(tried: TriedRoute): string {
  const { method, host, path, query, route, refusal } = tried
  const facts = [['request', `${method} ${path}${query} of ${host}`]]
  if (refusal !== null) facts.push(['answer', `${refusal.detail} [${refusal.code}]`])
  if (route !== null) {
    facts.push(['route', `${route.id} (${route.source})`], ['', route.pattern], ['', route.why])
  }
  for (const [at, { kind, from, source, does }] of tried.policies.entries()) {
    const of = from === 'route' ? source : `${from}, ${source}`
    facts.push([at === 0 ? 'policies' : '', `${at + 1}. ${kind} (${of}): ${does}`])
  }
  for (const [at, one] of tried.services.entries()) {
    const share = one.share === 1 ? '' : `${Math.round(one.share * 1_000) / 10} % to `
    const text = `${share}${one.name} (${one.source}), ${one.routable} of ${one.instances} instances in rotation`
    facts.push([at === 0 ? 'service' : '', text])
  }
  if (route !== null && tried.services.length > 0)
    facts.push(['gets', `${method} ${route.upstream}`])
  for (const [at, other] of tried.others.entries()) {
    facts.push([at === 0 ? 'not' : '', `${other.route} (${other.source}): ${other.why}`])
  }
  return `${formatColumns(facts).join('\n')}\n`
}
