import { z } from 'zod'
import { acmeHosts, isSignable } from './acme/hosts.ts'
import { type GatewayHosts, knownHosts } from './known-hosts.ts'
import type { SettingsPart } from '../../platform/config/part.ts'
import type { SettingPath, SettingProblem } from '../../platform/config/problems.ts'
import {
  type AcmeSettings,
  type ServiceTls,
  serviceTls,
  type TlsSettings,
  tlsSection,
} from './schema.ts'

/** What the check looks at. */
interface Checked {
  readonly tls?: TlsSettings | undefined
  readonly listen: { readonly [name: string]: unknown }
  readonly gateway: GatewayHosts
  readonly services: Readonly<
    Record<string, { readonly tls: boolean | ServiceTls; readonly protocol: string }>
  >
}

function checkAll(settings: Checked): readonly SettingProblem[] {
  return [...checkTls(settings), ...checkServices(settings)]
}

function checkServices({ services }: Checked): readonly SettingProblem[] {
  return Object.entries(services).flatMap(([name, { tls, protocol }]) => [
    ...checkPair(tls, ['services', name, 'tls']),
    ...checkProtocol(protocol, tls !== false, ['services', name, 'protocol']),
  ])
}

function checkPair(tls: boolean | ServiceTls, path: SettingPath): readonly SettingProblem[] {
  if (typeof tls === 'boolean') return []
  const { certificate, key } = tls
  if ((certificate === undefined) === (key === undefined)) return []
  const [has, lacks] = key === undefined ? ['certificate', 'key'] : ['key', 'certificate']
  const message = `is of no use without ${lacks}; name both files`
  return [{ path: [...path, has!], code: 'ERR_CONFIG_CONFLICT', message, at: 'key' }]
}

/** HTTP/2 in the clear, or behind a handshake that agrees on it. */
function checkProtocol(
  protocol: string,
  isSecure: boolean,
  path: SettingPath,
): readonly SettingProblem[] {
  if (protocol === 'http1' || (protocol === 'h2') === isSecure) return []
  const message = isSecure
    ? 'is HTTP/2 without TLS, and the service has tls; write h2'
    : 'is agreed on by TLS, and the service has no tls; write h2c, or add tls'
  return [{ path, code: 'ERR_CONFIG_CONFLICT', message }]
}

function checkTls({ tls, listen, gateway }: Checked): readonly SettingProblem[] {
  const code = 'ERR_CONFIG_CONFLICT'
  if (tls === undefined) {
    const named = listen['gateway-tls']
    if (named === undefined || named === 'off') return []
    const message =
      'has no certificate to show; add a section tls: `tls: local` on a laptop, or tls: { certificates: [{ certificate: shop.pem, key: shop.key }] }'
    return [{ path: ['listen', 'gateway-tls'], code, message, at: 'key' }]
  }
  const isShown = tls.local || tls.certificates.length + tls.folders.length > 0
  if (tls.acme !== undefined) return checkAcme(tls.acme, { gateway })
  if (isShown) return []
  const message =
    'says no certificate; write local, or list files in certificates or folders, or add acme'
  return [{ path: ['tls'], code, message, at: 'key' }]
}

/** Hosts that an authority would sign, and at least one. */
function checkAcme(
  { hosts: said }: AcmeSettings,
  { gateway }: Pick<Checked, 'gateway'>,
): readonly SettingProblem[] {
  const path = ['tls', 'acme', 'hosts']
  if (said.length === 0 && acmeHosts([], knownHosts(gateway)).length === 0) {
    const message =
      'has nobody to ask for: no route and no entry of gateway.hosts is a host that an authority signs; name the hosts in tls.acme.hosts'
    return [{ path: ['tls', 'acme'], code: 'ERR_CONFIG_CONFLICT', message, at: 'key' }]
  }
  return said.flatMap((host, index): readonly SettingProblem[] => {
    if (isSignable(host)) return []
    const message = host.includes('*')
      ? 'is a wildcard, which only dns-01 proves, and that is not spoken; name each host'
      : 'is no host name that an authority signs: it needs a dot, and letters, digits and dashes'
    return [
      { path: [...path, index], code: 'ERR_CONFIG_VALUE_INVALID', message: `${host} ${message}` },
    ]
  })
}

/** The part of `backplane.yaml` that says who we are on HTTPS. */
export const certificatesSettings = {
  sections: { tls: tlsSection.optional().describe('HTTPS: certificates, and how it is spoken.') },
  service: {
    tls: z
      .union([z.boolean(), serviceTls])
      .default(false)
      .describe('Its instances are spoken to with TLS, and must say who they are.'),
  },
  check: checkAll,
  async inspect(settings: Checked, folder: string): Promise<readonly SettingProblem[]> {
    const { inspectCertificates } = await import('./inspect.ts')
    return inspectCertificates(settings, folder)
  },
} as const satisfies SettingsPart
