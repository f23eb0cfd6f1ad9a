import { isIP } from 'node:net'
import { formatHostPort } from '../../../platform/config/addresses.ts'
import { SourceError, type Source, type Target } from './source.ts'

export interface DnsSourceOptions {
  /** A name with SRV records, or, with `port`, one with addresses. */
  readonly name: string
  readonly port?: number | undefined
  /** host:port of a resolver; default: those of the machine. */
  readonly server?: string | undefined
  /** Looks are at least so often, and never after the TTL of what was found. */
  readonly intervalMs: number
}

/** What of `node:dns/promises` it needs. */
export interface DnsResolver {
  setServers(servers: readonly string[]): void
  resolveSrv(name: string): Promise<readonly SrvRecord[]>
  resolve4(name: string, options: { ttl: true }): Promise<readonly AddressRecord[]>
  resolve6(name: string, options: { ttl: true }): Promise<readonly AddressRecord[]>
  cancel(): void
}

export interface SrvRecord {
  readonly name: string
  readonly port: number
  readonly priority: number
  readonly weight: number
}

export interface AddressRecord {
  readonly address: string
  readonly ttl: number
}

/** No TTL makes it ask more often. */
const AGAIN_MS_MIN = 1_000
/** Answers that say that there is nobody, which is an answer. */
const NOBODY = new Set(['ENOTFOUND', 'ENODATA'])

/** Instances by SRV records (RFC 2782), or by the addresses of a name. Looked at again when the first of the answers is too old. */
export function createDnsSource(options: DnsSourceOptions, resolver: DnsResolver): Source {
  if (options.server !== undefined) resolver.setServers([options.server])
  return {
    kind: 'dns',
    place: options.port === undefined ? options.name : `${options.name}:${options.port}`,
    async look(_waitMs, signal) {
      const cancel = () => resolver.cancel()
      signal.addEventListener('abort', cancel, { once: true })
      try {
        const { port } = options
        const found =
          port === undefined
            ? await lookSrv(resolver, options.name)
            : await lookAddresses(resolver, { name: options.name, port })
        const ttlMs = Math.min(...found.map(({ ttl }) => ttl * 1_000), options.intervalMs)
        return {
          targets: found.map(({ target }) => target),
          againMs: Math.max(ttlMs, AGAIN_MS_MIN),
        }
      } catch (error) {
        throw new SourceError(error instanceof Error ? error.message : String(error))
      } finally {
        signal.removeEventListener('abort', cancel)
      }
    },
  }
}

interface Found {
  readonly target: Target
  /** Seconds. */
  readonly ttl: number
}

/** Of the records only those of the best priority: the others are for when nobody of them can be reached. */
async function lookSrv(resolver: DnsResolver, name: string): Promise<readonly Found[]> {
  const records = await orNobody(resolver.resolveSrv(name))
  const best = Math.min(...records.map(({ priority }) => priority))
  const usable = records.filter((one) => one.priority === best && one.port > 0 && one.name !== '')
  const found = await Promise.all(
    usable.map(async ({ name: host, port, weight }) => {
      const addresses = await lookAddresses(resolver, { name: host, port })
      const passing = Math.max(weight, 1)
      return addresses.map(({ target, ttl }) => ({
        ttl,
        target: { ...target, weights: { passing, warning: passing } },
      }))
    }),
  )
  return found.flat()
}

async function lookAddresses(
  resolver: DnsResolver,
  { name, port }: { readonly name: string; readonly port: number },
): Promise<readonly Found[]> {
  if (isIP(name) !== 0) return [foundOf({ address: name, ttl: Infinity }, port)]
  const [four, six] = await Promise.all([
    orNobody(resolver.resolve4(name, { ttl: true })),
    orNobody(resolver.resolve6(name, { ttl: true })),
  ])
  return [...four, ...six].map((one) => foundOf(one, port))
}

function foundOf({ address: host, ttl }: AddressRecord, port: number): Found {
  return { ttl, target: { id: formatHostPort({ host, port }), host, port } }
}

async function orNobody<Record>(asking: Promise<readonly Record[]>): Promise<readonly Record[]> {
  try {
    return await asking
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    if (NOBODY.has(code)) return []
    throw error
  }
}
