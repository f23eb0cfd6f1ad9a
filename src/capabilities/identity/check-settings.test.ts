import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkIdentity } from './check-settings.ts'
import { identitySection } from './schema.ts'

const port = (number: number) => ({ host: '127.0.0.1', port: number })

function problems(
  identity: object,
  console: ReturnType<typeof port> | 'off' | undefined = port(4000),
) {
  const parsed = identitySection.parse(identity)
  const found = checkIdentity({ identity: parsed, listen: { console, default: 'auto' } })
  return found.map(({ path, message }) => `${path.join('.')} ${message}`)
}

const client = (more: object) => ({ clients: [{ id: 'c', ...more }] })

test('a good section has no problem, and none has none', () => {
  assert.deepEqual(problems({}), [])
  assert.deepEqual(checkIdentity({ listen: { default: 'auto' } }), [])
  assert.deepEqual(problems({ issuer: 'https://id.example/identity' }, port(0)), [])
  assert.deepEqual(
    problems(client({ redirectUris: ['https://a.example/cb', 'http://localhost:3000/cb'] })),
    [],
  )
  assert.deepEqual(
    problems(
      client({ native: true, redirectUris: ['com.example.app:/cb', 'http://127.0.0.1/cb'] }),
    ),
    [],
  )
})

test('an issuer must be known, end as it should, and use TLS beyond loopback', () => {
  assert.match(problems({}, port(0)).join(), /identity\.issuer must be set/)
  assert.match(problems({ issuer: 'https://id.example/' }).join(), /must end with \/identity/)
  assert.match(problems({ issuer: 'https://id.example/identity/' }).join(), /must end with/)
  assert.match(problems({ issuer: 'http://id.example/identity' }).join(), /https/)
})

test('several nodes need one key, and a key must be long', () => {
  const postgres = 'postgres://h/d'
  assert.match(
    checkIdentity({
      identity: { ...identitySection.parse({})!, postgres },
      listen: { default: 'auto' },
    })
      .map(({ message }) => message)
      .join(),
    /needs identity\.key/,
  )
})

test('a client that cannot be is told where it is wrong', () => {
  assert.match(problems(client({})).join(), /clients\.0\.id is a client without credentials/)
  assert.match(
    problems(client({ grants: ['authorization_code'] })).join(),
    /which needs redirectUris/,
  )
  for (const [uri, why] of [
    ['http://a.example/cb', /https/],
    ['https://a.example/*', /no patterns/],
    ['https://a.example/cb#x', /fragment/],
    ['https://u:p@a.example/cb', /user or a password/],
    ['com.example.app:/cb', /scheme of an app/],
    ['javascript:alert(1)', /leads nowhere/],
  ] as const) {
    assert.match(problems(client({ redirectUris: [uri] })).join(), why, uri)
  }
  const twice = { id: 'c', redirectUris: ['https://a.example/cb'] }
  assert.match(problems({ clients: [twice, twice] }).join(), /is there twice/)
  assert.match(
    problems(client({ ...twice, jwks: { keys: [{ kty: 'EC', d: 'x' }] } })).join(),
    /private key/,
  )
  assert.match(
    problems({ clients: [{ ...twice, id: 'backplane-account' }] }).join(),
    /kept for our own pages/,
  )
  assert.match(
    problems({ resources: [{ id: 'https://a.example/#x' }] }).join(),
    /must not have a fragment/,
  )
})
