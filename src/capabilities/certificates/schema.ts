import { z } from 'zod'
import { filled, label } from '../../platform/config/names.ts'
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

const clientsSettings = z.strictObject({
  authorities: z
    .record(label(), filled())
    .refine((files) => Object.keys(files).length > 0, { error: 'must name at least one' })
    .describe(
      'Who signs certificates of clients: a name, and the PEM file of its certificates. Roots, or what stands below them.',
    ),
  hosts: z
    .array(filled())
    .default([])
    .describe('Host names whose clients are asked; empty: every one. *.example.com is one label.'),
  required: z
    .boolean()
    .default(false)
    .describe('Every route demands one that does not say clientCertificate: optional.'),
  forward: z
    .boolean()
    .default(true)
    .describe('Services get it as Client-Cert (RFC 9440); what clients say there never passes.'),
})

const acmeSettings = z.strictObject({
  email: filled().optional().describe('Where the authority writes to about certificates.'),
  agree: z
    .literal(true, { error: "must be true: the authority's terms of service are agreed to" })
    .describe("The authority's terms of service are agreed to."),
  directory: z
    .url({ protocol: /^https$/, error: 'must be an https:// address' })
    .default('https://acme-v02.api.letsencrypt.org/directory')
    .describe('Of the certificate authority.'),
  hosts: z
    .array(filled())
    .default([])
    .describe(
      'Host names, each with a certificate of its own; empty: those of routes and of gateway.hosts that have a dot and no *.',
    ),
  challenges: z
    .array(z.enum(['http-01', 'tls-alpn-01']))
    .min(1)
    .default(['http-01', 'tls-alpn-01'])
    .describe(
      'How a host is proved: http-01 at port 80, which leads to listen.gateway, tls-alpn-01 at port 443, which leads to listen.gateway-tls. Where one fails, the next try takes the next.',
    ),
  ca: filled()
    .optional()
    .describe(
      "PEM file of who is believed when the directory says who it is; default: those that everybody trusts. For an authority of one's own.",
    ),
  ordersPerHour: z
    .int()
    .min(1)
    .max(1_000)
    .default(20)
    .describe('New orders within an hour, all hosts together, also over restarts.'),
})

/** `tls.acme` of the file. */
export type AcmeSettings = z.output<typeof acmeSettings>

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
  acme: acmeSettings
    .optional()
    .describe(
      "Certificates of an authority that speaks ACME (RFC 8555), such as Let's Encrypt: asked for, renewed and kept in the data folder.",
    ),
  clients: clientsSettings
    .optional()
    .describe('Clients are asked for a certificate, and routes may demand one.'),
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

/** The section `tls`: `tls: local` is a laptop's whole configuration. */
export const tlsSection = z
  .union([z.literal('local'), tlsMap])
  .transform((given) => (given === 'local' ? tlsMap.parse({ local: true }) : given))

/** `tls` of the file. */
export type TlsSettings = z.output<typeof tlsMap>

/** `tls` of a service, where it is a map. */
export const serviceTls = z.strictObject({
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
