import { z } from 'zod'
import { filled } from '../../platform/config/names.ts'
import { duration, secret, size } from '../../platform/config/units.ts'

const texts = () => z.array(filled()).max(64).default([])

/** What who was recognised must have. */
const demands = {
  scopes: texts().describe('All of these; 403 without one.'),
  roles: texts().describe('All of these.'),
  claims: z
    .record(filled(), z.union([filled(), z.array(filled()).min(1)]))
    .default({})
    .describe('Claim by its path (tenant.plan), and the value that it has, or one of several.'),
}

const grantee = {
  id: filled().describe('Who has it: in logs and records, and the subject for limits.'),
  scopes: texts().describe('What it may.'),
  roles: texts().describe('What it is.'),
}

const jwtSettings = z.strictObject({
  issuers: texts().describe(
    'Names in gateway.issuers, and identity for our own; empty: all of them.',
  ),
  audience: z
    .union([filled(), z.array(filled()).min(1)])
    .optional()
    .describe(
      'Who the token must be for (aud), one of several; "*" takes tokens for anybody; default: identity.audience, where the file has identity.',
    ),
  typ: z
    .enum(['at+jwt', 'jwt', 'any'])
    .default('at+jwt')
    .describe(
      'Type of the token: at+jwt is an access token (RFC 9068); jwt and any are for issuers that do not say so.',
    ),
  skew: duration({ min: '0s', max: '5m' })
    .prefault('30s')
    .describe('How far the clocks of issuer and gateway may differ.'),
  maxAge: duration({ min: '0s', max: '365d' })
    .prefault('0s')
    .describe('Since the token was issued; 0s: as long as the token says.'),
  ...demands,
})

const keySettings = z.strictObject({
  header: filled().default('x-api-key').describe('Header that has the key.'),
  keys: z
    .array(
      z.strictObject({
        ...grantee,
        sha256: z
          .string()
          .regex(/^[0-9a-f]{64}$/, {
            error: 'must be 64 hexadecimal digits, as `backplane credential key` prints them',
          })
          .describe('SHA-256 of the key.'),
      }),
    )
    .min(1)
    .max(10_000)
    .describe('Keys that are taken.'),
  ...demands,
})

const basicSettings = z.strictObject({
  users: z
    .array(
      z.strictObject({
        ...grantee,
        hash: secret().describe('Hashed password, as `backplane credential password` prints it.'),
      }),
    )
    .min(1)
    .max(1_000)
    .describe('Who may come.'),
  ...demands,
})

const signatureSettings = z.strictObject({
  keys: z
    .array(
      z.strictObject({
        ...grantee,
        secret: secret().describe('Shared secret, at least 32 bytes.'),
      }),
    )
    .min(1)
    .max(1_000)
    .describe('Who may sign; id is the keyid of the signature.'),
  covers: z
    .array(filled())
    .default(['@method', '@path', '@query'])
    .describe('What a signature must cover: derived components, and headers in lower case.'),
  maxAge: duration({ min: '1s', max: '1h' })
    .prefault('1m')
    .describe('Since the signature was made (created).'),
  skew: duration({ min: '0s', max: '5m' })
    .prefault('30s')
    .describe('How far the clocks of client and gateway may differ.'),
  ...demands,
})

const introspectionSettings = z.strictObject({
  url: filled().describe('Introspection endpoint of the issuer: https, or http on loopback.'),
  client: filled().describe('Name with which the gateway asks.'),
  secret: secret().describe('Its secret.'),
  audience: z
    .union([filled(), z.array(filled()).min(1)])
    .default('*')
    .describe('Who the token must be for (aud); "*" takes tokens for anybody.'),
  timeout: duration({ min: '50ms', max: '30s' }).prefault('2s').describe('503 beyond it.'),
  cache: duration({ min: '0s', max: '1h' })
    .prefault('30s')
    .describe(
      'How long an answer is believed, at most until exp; a token that is revoked works that long.',
    ),
  concurrency: z
    .int()
    .min(1)
    .max(10_000)
    .default(100)
    .describe('Questions under way, a worker; 503 beyond it.'),
  ...demands,
})

const certificateSettings = z.strictObject({
  authorities: texts().describe('Names in tls.clients.authorities; empty: any of them.'),
  names: texts().describe(
    'Alternative names, one of which the certificate must have: DNS:orders.example, URI:spiffe://shop/*; empty: any.',
  ),
  ...demands,
})

/** The policy `auth`. */
export const authSettings = z.strictObject({
  jwt: jwtSettings.optional().describe('A bearer token that an issuer has signed.'),
  key: keySettings.optional().describe('A random key in a header.'),
  basic: basicSettings.optional().describe('Name and password (RFC 7617); over TLS only.'),
  signature: signatureSettings
    .optional()
    .describe('A signature over the request with a shared secret (RFC 9421, hmac-sha256).'),
  introspection: introspectionSettings
    .optional()
    .describe('A bearer token that its issuer is asked about (RFC 7662).'),
  certificate: certificateSettings
    .optional()
    .describe('A certificate of the client (tls.clients); its subject is its first name.'),
  all: z
    .boolean()
    .default(false)
    .describe('Each way must let the request in; else one of them is enough.'),
  realm: z
    .string()
    .regex(/^[\w .:/-]{1,64}$/, {
      error: 'must be letters, digits, spaces and . : / -, at most 64',
    })
    .default('gateway')
    .describe('Said to clients whose credentials are missing.'),
  forward: z
    .record(filled(), filled())
    .default({})
    .describe(
      'Headers that the service gets: name and claim, x-user: sub. What clients send under these names is dropped, on every route.',
    ),
  pass: z.boolean().default(true).describe('The service gets the credentials, too.'),
})

/** One of `gateway.issuers`. */
export const issuerSettings = z.strictObject({
  issuer: filled().describe('What tokens must say in iss, letter by letter: most often a URL.'),
  jwks: filled()
    .optional()
    .describe('URL of the key set; default: what ISSUER/.well-known/openid-configuration names.'),
  jwksFile: filled()
    .optional()
    .describe('File with the key set, relative to the configuration file, instead of jwks.'),
  secret: secret()
    .optional()
    .describe(
      'Shared secret of an issuer that signs with HS256, at least 32 bytes, instead of jwks.',
    ),
  refresh: duration({ min: '10s', max: '24h' })
    .prefault('5m')
    .describe('How often keys are fetched again.'),
  cooldown: duration({ min: '1s', max: '1h' })
    .prefault('10s')
    .describe('Shortest time between two fetches, when tokens name keys that are not known.'),
  stale: duration({ min: '0s', max: '30d' })
    .prefault('24h')
    .describe('How long the last keys are used while the issuer does not answer.'),
  timeout: duration({ min: '100ms', max: '1m' }).prefault('5s').describe('Of one fetch.'),
  body: size({ min: '1KiB', max: '4MiB' }).prefault('256KiB').describe('Largest answer.'),
})

export type AuthSettings = z.output<typeof authSettings>
export type IssuerSettings = z.output<typeof issuerSettings>

/** A secret of the settings. What was not read from its place by the loader is a defect of ours. */
export function secretText(value: z.output<ReturnType<typeof secret>>): string {
  if (typeof value !== 'string') throw new TypeError('a secret of the settings was not read')
  return value
}
