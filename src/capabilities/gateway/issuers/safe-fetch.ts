import type { IncomingMessage } from 'node:http'
import { lookup as lookupName, type LookupAddress } from 'node:dns'
import { createCidrSet } from '../../../mechanisms/cidr/cidr.ts'
import type { Clock } from '../../../platform/capability.ts'
import { isLoopbackHost } from '../../../platform/config/addresses.ts'
import { request } from '../../../platform/http/node-http.ts'

/** Why something could not be fetched; the message goes to the operator. */
export class FetchError extends Error {
  override readonly name = 'FetchError'
  readonly code = 'ERR_GATEWAY_ISSUER_FETCH'
}

/** What is fetched, and within which bounds. */
export interface FetchOptions {
  readonly url: URL
  readonly timeoutMs: number
  readonly bodyBytesMax: number
  /**
   * The URL was told by somebody else than the operator: it may not lead into this machine or its network, whatever its name resolves to (server-side request forgery).
   */
  readonly isForeign: boolean
  readonly clock: Clock
}

/** Addresses that are not of the public network (RFC 6890, RFC 4193, RFC 6598), and those of IPv6 that lead to any of IPv4 (RFC 6052, RFC 8215, RFC 2765, RFC 3056). */
const INSIDE = createCidrSet([
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '224.0.0.0/3',
  '::/127',
  '64:ff9b::/96',
  '64:ff9b:1::/48',
  '::ffff:0:0:0/96',
  '2002::/16',
  'fc00::/7',
  'fe80::/10',
  'ff00::/8',
])

/** Whether an IP address lies in this machine or its network. */
export function isInside(address: string): boolean {
  return INSIDE.contains(address)
}

/** The text behind a URL: status 200, whole, within time and size. No redirect is followed. @throws FetchError */
export async function fetchText(options: FetchOptions): Promise<string> {
  const { url, timeoutMs, clock, isForeign } = options
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (
    url.protocol !== 'https:' &&
    !(url.protocol === 'http:' && isLoopbackHost(host) && !isForeign)
  )
    throw new FetchError(`${url.origin} is not https`)
  // A name is looked at when it is resolved; an address is not resolved.
  if (isForeign && isInside(host))
    throw new FetchError(`${url.origin} lies inside of this network, and the issuer does not`)
  const abort = new AbortController()
  const cancel = clock.after(timeoutMs, () => abort.abort())
  try {
    const response = await ask(options, abort.signal)
    const { statusCode = 0 } = response
    if (statusCode !== 200) {
      response.destroy()
      throw new FetchError(`${shown(url)} answered ${statusCode}`)
    }
    return await readText(response, options)
  } catch (error) {
    if (abort.signal.aborted)
      throw new FetchError(`${shown(url)} did not answer within ${timeoutMs} ms`)
    if (error instanceof FetchError) throw error
    throw new FetchError(`${shown(url)}: ${error instanceof Error ? error.message : String(error)}`)
  } finally {
    cancel()
  }
}

function shown(url: URL): string {
  return `${url.origin}${url.pathname}`
}

async function ask(
  { url, isForeign }: FetchOptions,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const send = url.protocol === 'https:' ? (await import('node:https')).request : request
  send(url, {
    signal,
    agent: false,
    maxHeaderSize: 16 * 1024,
    headers: { accept: 'application/json', 'user-agent': 'Backplane', connection: 'close' },
    ...(isForeign ? { lookup: lookupOutside } : {}),
  })
    .on('response', resolve)
    .on('error', reject)
    .end()
  return promise
}

type LookupDone = (
  error: NodeJS.ErrnoException | null,
  address: string | LookupAddress[],
  family?: number,
) => void

/** Resolves a name, and refuses it when one of its addresses is inside: what is looked at is what is connected to, so a name cannot change in between. */
function lookupOutside(host: string, options: object, done: LookupDone): void {
  lookupName(host, { ...options, all: true }, (error, addresses) => {
    if (error !== null) return done(error, [])
    const inside = addresses.find(({ address }) => isInside(address))
    if (inside !== undefined)
      return done(
        new FetchError(`${host} is ${inside.address}, which lies inside of this network`),
        [],
      )
    const [first] = addresses
    if ('all' in options && options.all === true) return done(null, addresses)
    done(null, first?.address ?? '', first?.family)
  })
}

async function readText(
  response: IncomingMessage,
  { url, bodyBytesMax }: FetchOptions,
): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > bodyBytesMax)
      throw new FetchError(`${shown(url)} sent more than ${bodyBytesMax} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
