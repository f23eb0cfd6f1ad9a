import { z } from 'zod'
import { filled } from '../../platform/config/names.ts'
import { duration, secret } from '../../platform/config/units.ts'

const url = () =>
  z.string().refine((text) => URL.canParse(text), { error: 'must be an absolute URL' })
const clientId = () =>
  z.string().regex(/^[A-Za-z0-9._~-]{1,128}$/, {
    error: 'must be 1 to 128 letters, digits, dots, dashes, underscores or tildes',
  })
const scope = () =>
  z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,200}$/, {
    error: 'must be a scope: visible ASCII characters without spaces, quotes and backslashes',
  })
const grant = z.enum([
  'authorization_code',
  'refresh_token',
  'client_credentials',
  'device_code',
  'token_exchange',
])

const client = z.strictObject({
  id: clientId().describe('client_id.'),
  name: filled().optional().describe('As people read it; default: the id.'),
  secret: secret().optional().describe('Its secret; without one (and without keys) it is public.'),
  auth: z
    .enum(['client_secret_basic', 'client_secret_post'])
    .default('client_secret_basic')
    .describe('How it sends its secret.'),
  jwks: z
    .strictObject({
      keys: z.array(z.record(z.string(), z.unknown())).min(1).describe('Public keys as JWK.'),
    })
    .optional()
    .describe('Its keys, for private_key_jwt.'),
  jwksUri: url().optional().describe('Where its keys are, for private_key_jwt.'),
  redirectUris: z
    .array(url())
    .default([])
    .describe('Where it may be answered, each to the letter.'),
  logoutUris: z.array(url()).default([]).describe('Where it may go on after a logout.'),
  backchannelLogoutUri: url().optional().describe('Is told of logouts.'),
  grants: z
    .array(grant)
    .optional()
    .describe(
      'What it may use; default: authorization_code and refresh_token with redirectUris, else client_credentials.',
    ),
  scopes: z.array(scope()).default([]).describe('Scopes of APIs that it may ask for.'),
  native: z
    .boolean()
    .default(false)
    .describe('It runs on a device of the user: any loopback port will do.'),
  consent: z.boolean().default(false).describe('People are asked before it gets anything.'),
  par: z.boolean().default(false).describe('It must push its authorization requests (RFC 9126).'),
  dpop: z.boolean().default(false).describe('Its tokens are bound to its key (RFC 9449).'),
})

/** The section `identity` of the file. */
export const identitySection = z
  .strictObject({
    issuer: url()
      .optional()
      .describe(
        'URL of the issuer, ends with /identity; default: that of the console, http://localhost:4000/identity.',
      ),
    audience: url()
      .optional()
      .describe('Audience of tokens that ask for no resource; default: urn:backplane:api.'),
    postgres: secret()
      .optional()
      .describe(
        'URL of a PostgreSQL that several nodes share; default: SQLite in the data folder.',
      ),
    key: secret()
      .optional()
      .describe(
        'Seals all other keys, at least 32 characters; default: made in the data folder. Demanded with postgres.',
      ),
    clients: z.array(client).default([]).describe('Who may ask for tokens.'),
    resources: z
      .array(
        z.strictObject({
          id: url().describe('Its audience, an absolute URI.'),
          scopes: z.array(scope()).default([]).describe('Scopes that it knows.'),
          lifetime: duration({ min: '10s', max: '1d' })
            .optional()
            .describe('Of its access tokens; default: identity.lifetimes.accessToken.'),
        }),
      )
      .default([])
      .describe('APIs with an audience of their own (RFC 8707).'),
    registration: z
      .boolean()
      .default(false)
      .describe('Clients may register themselves with an initial access token (RFC 7591).'),
    accounts: z
      .strictObject({
        register: z.boolean().default(false).describe('People may make an account themselves.'),
        passwordLength: z.int().min(8).max(64).default(12).describe('Characters of a password.'),
        memory: z
          .int()
          .min(8)
          .max(1024)
          .default(19)
          .describe('MiB of memory of one password hash (argon2id).'),
        passes: z.int().min(1).max(20).default(2).describe('Passes of one password hash.'),
        hashes: z
          .int()
          .min(1)
          .max(64)
          .default(1)
          .describe('Password hashes side by side; more wait, at most 64.'),
      })
      .prefault({})
      .describe('People.'),
    keys: z
      .strictObject({
        algorithms: z
          .array(z.enum(['ES256', 'EdDSA', 'RS256']))
          .min(1)
          .default(['ES256', 'EdDSA'])
          .describe('Signing algorithms; the first one signs where a client asks for none.'),
        rotation: duration({ min: '10s', max: '365d' })
          .prefault('30d')
          .describe('A key signs for so long.'),
        overlap: duration({ min: '1s', max: '30d' })
          .prefault('1d')
          .describe('A key is published for so long before it signs.'),
      })
      .prefault({})
      .describe('Signing keys.'),
    lifetimes: z
      .strictObject({
        accessToken: duration({ min: '10s', max: '1d' }).prefault('10m').describe('Access tokens.'),
        idToken: duration({ min: '10s', max: '1d' }).prefault('1h').describe('ID tokens.'),
        refreshToken: duration({ min: '1m', max: '365d' })
          .prefault('14d')
          .describe('Refresh tokens.'),
        session: duration({ min: '1m', max: '365d' })
          .prefault('14d')
          .describe('Sessions of browsers.'),
        code: duration({ min: '5s', max: '10m' }).prefault('1m').describe('Authorization codes.'),
        deviceCode: duration({ min: '30s', max: '1h' }).prefault('10m').describe('Device codes.'),
        grace: duration({ min: '0s', max: '60s' })
          .prefault('10s')
          .describe(
            'A refresh whose answer was lost may be repeated, and gets the same token; later it revokes the grant.',
          ),
      })
      .prefault({})
      .describe('How long things live.'),
    look: z
      .strictObject(
        Object.fromEntries(
          [
            'accent',
            'accent-text',
            'background',
            'surface',
            'text',
            'muted',
            'line',
            'danger',
            'radius',
            'font',
            'width',
          ].map((name) => [
            name,
            z
              .string()
              .regex(/^[\w#%.,()'" +-]{1,120}$/, {
                error: 'must be a value of CSS, without ; and {}',
              })
              .optional()
              .describe(`The CSS variable --${name} of the pages.`),
          ]),
        ),
      )
      .prefault({})
      .describe('How the pages look.'),
  })
  .optional()
  .describe('OAuth2 and OpenID Connect issuer, and accounts. Only where this section is there.')

/** The section as it is read. */
export type IdentitySettings = NonNullable<z.output<typeof identitySection>>
