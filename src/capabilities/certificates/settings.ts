import { z } from 'zod'
import { filled } from '../../platform/config/names.ts'
import type { SettingsPart } from '../../platform/config/part.ts'
import type { SettingPath, SettingProblem } from '../../platform/config/problems.ts'
import { duration } from '../../platform/config/units.ts'

const pairSettings = z.strictObject({
  certificate: filled().describe(
    'PEM file: the certificate, then what leads to its root. Relative to the configuration file.',
  ),
  key: filled().describe('PEM file with its private key, ECDSA or RSA, without a passphrase.'),
})

const hstsSettings = z.union([
  duration({ min: '0s', max: '3650d' }),
  z.strictObject({
    maxAge: duration({ min: '0s', max: '3650d' }).describe('How long a browser remembers it.'),
    subdomains: z.boolean().default(false).describe('Also for all names below the host.'),
    preload: z.boolean().default(false).describe("Browsers' makers may put it into their lists."),
  }),
])

const tlsMap = z.strictObject({
  local: z
    .boolean()
    .default(false)
    .describe(
      'An authority of this data folder signs a certificate for localhost and the hosts of routes; the start prints the command that trusts it. `tls: local` is short for it.',
    ),
  certificates: z
    .array(pairSettings)
    .default([])
    .describe(
      'Certificates by file, chosen by the host that a client names; the first one is shown to clients that name none.',
    ),
  folders: z
    .array(filled())
    .default([])
    .describe(
      'Folders with certificates: NAME.crt or NAME.pem beside NAME.key, and subfolders with fullchain.pem and privkey.pem or tls.crt and tls.key.',
    ),
  minVersion: z
    .enum(['TLSv1.2', 'TLSv1.3'])
    .default('TLSv1.2')
    .describe('Oldest version that is spoken; suites are those with AEAD and forward secrecy.'),
  redirect: z
    .union([z.boolean(), z.int().min(1).max(65535)])
    .default(false)
    .describe(
      'Requests in the clear at the gateway are sent to HTTPS (308): true, or the port that clients see, such as 443.',
    ),
  hsts: hstsSettings
    .optional()
    .describe('Browsers use HTTPS only, for this long (Strict-Transport-Security).'),
  limits: z
    .strictObject({
      handshakes: z
        .int()
        .min(1)
        .max(1_000_000)
        .default(1_000)
        .describe('Handshakes under way, all workers together; beyond it a connection is closed.'),
      handshakeTimeout: duration({ min: '100ms', max: '10m' })
        .prefault('10s')
        .describe('First byte to the end of the handshake.'),
      contexts: z
        .int()
        .min(1)
        .max(100_000)
        .default(1_000)
        .describe('Certificates that a worker keeps ready for use.'),
    })
    .prefault({})
    .describe('Limits of handshakes.'),
})

/** `tls: local` is a laptop's whole configuration. */
const tlsSettings = z
  .union([z.literal('local'), tlsMap])
  .transform((given) => (given === 'local' ? tlsMap.parse({ local: true }) : given))

/** `tls` of the file. */
export type TlsSettings = z.output<typeof tlsMap>

const serviceTls = z.strictObject({
  ca: filled()
    .optional()
    .describe(
      'PEM file of the authorities that are believed; default: those that everybody trusts.',
    ),
  name: filled()
    .optional()
    .describe('Host name that a certificate must be for; default: the host of the instance.'),
  certificate: filled().optional().describe('PEM file of the certificate that we show.'),
  key: filled().optional().describe('PEM file with its private key.'),
})

/** `tls` of a service, as a map. */
export type ServiceTls = z.output<typeof serviceTls>

/** What the check looks at. */
interface Checked {
  readonly tls?: TlsSettings | undefined
  readonly listen: { readonly [name: string]: unknown }
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

function checkTls({ tls, listen }: Checked): readonly SettingProblem[] {
  const code = 'ERR_CONFIG_CONFLICT'
  if (tls === undefined) {
    const named = listen['gateway-tls']
    if (named === undefined || named === 'off') return []
    const message =
      'has no certificate to show; add a section tls: `tls: local` on a laptop, or tls: { certificates: [{ certificate: shop.pem, key: shop.key }] }'
    return [{ path: ['listen', 'gateway-tls'], code, message, at: 'key' }]
  }
  if (tls.local || tls.certificates.length + tls.folders.length > 0) return []
  const message = 'says no certificate; write local, or list files in certificates, or folders'
  return [{ path: ['tls'], code, message, at: 'key' }]
}

/** The part of `backplane.yaml` that says who we are on HTTPS. */
export const certificatesSettings = {
  sections: { tls: tlsSettings.optional().describe('HTTPS: certificates, and how it is spoken.') },
  service: {
    tls: z
      .union([z.boolean(), serviceTls])
      .default(false)
      .describe('Its instances are spoken to with TLS, and must say who they are.'),
  },
  check: checkAll,
} as const satisfies SettingsPart
