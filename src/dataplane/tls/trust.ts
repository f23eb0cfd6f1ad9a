import { isIP } from 'node:net'
import {
  checkServerIdentity,
  type ConnectionOptions,
  createSecureContext,
  type SecureContext,
} from 'node:tls'
import type { TrustSpec } from '../../contracts/certificates.ts'

/** Who is believed, and who we say that we are, towards the instances of one service. */
export interface ServiceTrust {
  readonly spec: TrustSpec
  /** Made when the first connection wants it. */
  context: SecureContext | undefined
}

/** Nobody is believed until it is known who is. */
const NOBODY = { ca: [] as string[] }

/** How the connections of one worker speak TLS to instances. */
export class Trust {
  readonly #services = new Map<string, ServiceTrust>()
  /** Sessions that may be continued, by instance: each goes with it. One that began under another trust proves nothing. */
  readonly #sessions = new WeakMap<
    object,
    { readonly session: Buffer; readonly under: ServiceTrust }
  >()

  /** False: that was known. */
  apply(spec: TrustSpec): boolean {
    const known = this.#services.get(spec.service)?.spec
    if (known?.ca === spec.ca && known.chain === spec.chain && known.key === spec.key) return false
    this.#services.set(spec.service, { spec, context: undefined })
    return true
  }

  forget(service: string): void {
    this.#services.delete(service)
  }

  /** After a reset there is what it names, and nothing else. */
  keepOnly(services: ReadonlySet<string>): void {
    for (const service of this.#services.keys()) {
      if (!services.has(service)) this.#services.delete(service)
    }
  }

  /**
   * What a connection to `instance` asks of TLS. `name` is what its certificate must say, '' for its address. Without it, and without what it is said to trust, nobody
   * is believed: a connection fails, and is not made in the clear.
   */
  optionsFor(
    instance: object,
    service: string,
    host: string,
    name: string,
    protocols: readonly string[],
  ): ConnectionOptions {
    const expected = name === '' ? host : name
    const under = this.#services.get(service)
    const kept = this.#sessions.get(instance)
    return {
      secureContext: contextOf(under),
      // An address is no host name, so it is not told (RFC 6066 section 3).
      servername: isIP(expected) === 0 ? expected : '',
      checkServerIdentity: (_host, certificate) => checkServerIdentity(expected, certificate),
      rejectUnauthorized: true,
      ALPNProtocols: [...protocols],
      ...(kept !== undefined && kept.under === under ? { session: kept.session } : {}),
    }
  }

  /** What a connection that begins now is under. */
  of(service: string): ServiceTrust | undefined {
    return this.#services.get(service)
  }

  /** The next connection to the instance may continue it. */
  keepSession(instance: object, under: ServiceTrust | undefined, session: Buffer): void {
    if (under !== undefined) this.#sessions.set(instance, { session, under })
  }

  /** A session that does not do is not tried again. */
  dropSession(instance: object): void {
    this.#sessions.delete(instance)
  }
}

function contextOf(trust: ServiceTrust | undefined): SecureContext {
  if (trust === undefined) return createSecureContext({ ...NOBODY, minVersion: 'TLSv1.2' })
  trust.context ??= makeContext(trust.spec)
  return trust.context
}

function makeContext({ ca, chain, key }: TrustSpec): SecureContext {
  return createSecureContext({
    minVersion: 'TLSv1.2',
    // Without an authority of its own: those that everybody trusts, as Node brings them along.
    ...(ca === '' ? {} : { ca }),
    ...(chain === '' ? {} : { cert: chain, key }),
  })
}
