import type { HttpsSpec, TlsSpec } from '../../contracts/certificates.ts'
import type { RouteSpec } from '../../contracts/snapshot.ts'
import type { RouteSettings, Settings } from '../../settings.ts'

/** The listeners for clients, by their names in `listen`. */
export type GatewayName = 'gateway' | 'gateway-tls'

/** How the listener with TLS speaks it. */
export function specifyTls({ tls }: Settings): TlsSpec {
  if (tls === undefined) throw new TypeError('without a section tls there is no listener for it')
  return {
    versionMin: tls.minVersion,
    handshakesMax: tls.limits.handshakes,
    handshakeTimeoutMs: tls.limits.handshakeTimeout,
    contextsMax: tls.limits.contexts,
    ...(tls.clients === undefined
      ? {}
      : { clients: { hosts: tls.clients.hosts, isForwarded: tls.clients.forward } }),
  }
}

/** Whether clients of a route must show a certificate, and by whom. */
export function specifyDemand(
  { tls }: Settings,
  { clientCertificate }: RouteSettings,
): Pick<RouteSpec, 'clientCertificate'> {
  if (tls?.clients === undefined) return {}
  const said = clientCertificate ?? (tls.clients.required ? 'required' : 'optional')
  if (said === 'optional') return {}
  return { clientCertificate: { authorities: said === 'required' ? [] : said } }
}

/** What all listeners for clients say of HTTPS. */
export function specifyHttps({ tls }: Settings): HttpsSpec {
  return { hsts: hstsOf(tls?.hsts), redirectPort: redirectPortOf(tls?.redirect ?? false) }
}

function redirectPortOf(redirect: boolean | number): number {
  if (redirect === false) return -1
  return redirect === true ? 0 : redirect
}

/** RFC 6797 section 6.1. */
function hstsOf(hsts: NonNullable<Settings['tls']>['hsts']): string {
  if (hsts === undefined) return ''
  const { maxAge, subdomains, preload } =
    typeof hsts === 'number' ? { maxAge: hsts, subdomains: false, preload: false } : hsts
  const seconds = `max-age=${Math.floor(maxAge / 1_000)}`
  return `${seconds}${subdomains ? '; includeSubDomains' : ''}${preload ? '; preload' : ''}`
}
