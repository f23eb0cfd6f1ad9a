import type { RouteSpec } from '../../contracts/snapshot.ts'
import type { LocalReply } from '../policies/policy.ts'
import { notePolicy } from '../records/record.ts'
import type { ClientCertificate } from '../tls/client-certificate.ts'
import type { Exchange } from './exchange.ts'

/** As `why` names it. */
const KIND = 'client-certificate'

/**
 * The certificate of a client, where it has shown one or the route demands one: noted for `why`, and judged. Undefined: the request goes on. Per request and not in
 * the handshake, because one connection carries requests of several routes and only an answer can say why.
 */
export function judgeClient(
  { client, record }: Exchange,
  demand: RouteSpec['clientCertificate'],
): LocalReply | undefined {
  const { tls } = client.peer
  const shown = tls?.clientCertificate ?? null
  if (demand === undefined) {
    if (shown !== null) notePolicy(record, KIND, describe(shown), 0)
    return undefined
  }
  const refused =
    shown === null
      ? refuseWithout(tls !== null, tls?.isClientAsked === true)
      : refuseShown(shown, demand.authorities, record.startedAtMs)
  notePolicy(record, KIND, shown === null ? 'none was shown' : describe(shown), 0)
  return refused
}

/** RFC 9110 section 15.5.20: on another connection, made for this host, the client is asked. */
function refuseWithout(isSecure: boolean, isAsked: boolean): LocalReply {
  if (isSecure && !isAsked) {
    const detail =
      'the route demands a certificate of the client, and the connection was made for a host that does not ask for one: another connection is needed (tls.clients.hosts)'
    return { code: 'ERR_GATEWAY_CLIENT_NOT_ASKED', detail }
  }
  const detail = isSecure
    ? 'the route demands a certificate of the client, and it has shown none'
    : 'the route demands a certificate of the client, and the request came in the clear'
  return { code: 'ERR_GATEWAY_CLIENT_CERTIFICATE_MISSING', detail }
}

function refuseShown(
  shown: ClientCertificate,
  wanted: readonly string[],
  nowMs: number,
): LocalReply | undefined {
  const code = 'ERR_GATEWAY_CLIENT_CERTIFICATE_REFUSED'
  if (shown.fault !== '') {
    return { code, detail: `${shown.subject} is not believed: ${shown.fault}` }
  }
  // A connection may outlive the certificate of its beginning.
  if (shown.notAfterMs <= nowMs) {
    return { code, detail: `${shown.subject} has expired while its connection was open` }
  }
  if (wanted.length === 0 || shown.authorities.some((name) => wanted.includes(name))) {
    return undefined
  }
  const detail = `${shown.subject} is signed by ${shown.authorities.join(', ')}, and the route takes ${wanted.join(', ')}`
  return { code, detail }
}

/** Bounded: subject and authorities are. */
function describe({ subject, authorities, fault }: ClientCertificate): string {
  return fault === ''
    ? `${subject}, by ${authorities.join(', ')}`
    : `${subject}, not believed: ${fault}`
}
