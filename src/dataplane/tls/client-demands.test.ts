import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { test, type TestContext } from 'node:test'
import type { ConnectionOptions } from 'node:tls'
import fc from 'fast-check'
import type { GatewaySpec, RouteSpec } from '../../contracts/snapshot.ts'
import {
  makeAuthority,
  makeCertificate,
  makeClient,
  type SignedSpec,
} from '../testing/certificates.ts'
import type { LocalWorker } from '../testing/local-worker.ts'
import { dial, startSecure } from '../testing/secure.ts'
import { get, reasonIn } from '../testing/setup.ts'
import { OK, readFrom, startAnsweringUpstream } from '../testing/sockets.ts'
import { routeSpec } from '../testing/specs.ts'
import { splitNames } from './client-certificate.ts'

const names = ['shop.example', 'admin.example', 'partner.example']
const server = makeCertificate(names, { isDefault: true })
const staff = makeAuthority('Staff')
const partners = makeAuthority('Partners')
const department = makeAuthority('Department', staff)
const alice = makeClient(staff, '/O=Shop/CN=alice', {
  names: ['email:alice@shop.example', 'URI:spiffe://shop/alice'],
})
const bob = makeClient(department, '/CN=bob')
const eve = makeClient(partners, '/CN=eve')
const stranger = makeClient(makeAuthority('Staff'), '/CN=alice')
const late = makeClient(staff, '/CN=late', { days: -1 })

const ROUTES: readonly RouteSpec[] = [
  routeSpec({ id: 'open', path: '/open/**' }),
  routeSpec({ id: 'any', path: '/any/**', clientCertificate: { authorities: [] } }),
  routeSpec({ id: 'staff', path: '/staff/**', clientCertificate: { authorities: ['staff'] } }),
]

async function start(
  t: TestContext,
  options: { readonly hosts?: readonly string[]; readonly isForwarded?: boolean } = {},
  gateway: Partial<GatewaySpec> = {},
): Promise<{ gateway: LocalWorker; heads: string[] }> {
  const { hosts = [], isForwarded = true } = options
  const upstream = await startAnsweringUpstream(OK)
  t.after(() => upstream.close())
  const worker = await startSecure(t, [upstream.port], {
    certificates: [server],
    tls: { clients: { hosts, isForwarded } },
    gateway: { routes: ROUTES, ...gateway },
  })
  await worker.update([
    { op: 'client-authority', authority: { name: 'staff', ca: staff.chain } },
    { op: 'client-authority', authority: { name: 'partners', ca: partners.chain } },
  ])
  return { gateway: worker, heads: upstream.heads }
}

function shows({ chain, key }: SignedSpec): ConnectionOptions {
  return { cert: chain, key }
}

/** The answer to one request on a connection of its own. */
async function ask(
  t: TestContext,
  gateway: LocalWorker,
  path: string,
  options: ConnectionOptions = {},
  lines = '',
): Promise<string> {
  const socket = dial(t, gateway, options)
  const reader = readFrom(socket)
  socket.write(get(path, lines))
  const answer = await reader.until(/\r\n\r\n(?:ok|\{[^]*\}\n)/)
  socket.destroy()
  return `${answer.slice(9, 12)} ${reasonIn(answer)}`.trim()
}

for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`a route demands a certificate, by any authority or by one, over ${maxVersion}`, async (t) => {
    const { gateway } = await start(t)
    const answers = async (options: ConnectionOptions): Promise<readonly string[]> =>
      Promise.all(
        ['/open/', '/any/', '/staff/'].map((path) =>
          ask(t, gateway, path, { maxVersion, ...options }),
        ),
      )
    const missing = '403 ERR_GATEWAY_CLIENT_CERTIFICATE_MISSING'
    const refused = '403 ERR_GATEWAY_CLIENT_CERTIFICATE_REFUSED'
    assert.deepEqual(await answers({}), ['200', missing, missing])
    assert.deepEqual(await answers(shows(alice)), ['200', '200', '200'])
    assert.deepEqual(await answers(shows(bob)), ['200', '200', '200'])
    assert.deepEqual(await answers(shows(eve)), ['200', '200', refused])
    assert.deepEqual(await answers(shows(stranger)), ['200', refused, refused])
    assert.deepEqual(await answers(shows(late)), ['200', refused, refused])
  })
}

test('`why` says who it was, and why somebody was refused', async (t) => {
  const { gateway } = await start(t)
  const noted = async (path: string, options: ConnectionOptions): Promise<string> => {
    await ask(t, gateway, path, options)
    const { policies, detail } = gateway.recent(1)[0]!
    return [...policies.map(({ policy, decision }) => `${policy}: ${decision}`), detail].join(' | ')
  }
  assert.equal(
    await noted('/open/', shows(alice)),
    'client-certificate: CN=alice, O=Shop, by staff | ',
  )
  assert.equal(await noted('/open/', {}), '')
  assert.equal(
    await noted('/staff/', shows(eve)),
    'client-certificate: CN=eve, by partners | CN=eve is signed by partners, and the route takes staff',
  )
  assert.match(
    await noted('/any/', shows(late)),
    /CN=late, not believed: CERT_HAS_EXPIRED \| CN=late is not believed: CERT_HAS_EXPIRED$/,
  )
  assert.match(await noted('/any/', shows(stranger)), /not believed/)
  assert.match(await noted('/any/', {}), /none was shown \| .*it has shown none$/)
})

test('services are told of a certificate that is believed, and of nothing that a client says itself', async (t) => {
  const { gateway, heads } = await start(t, {}, { trustedProxies: ['127.0.0.1'] })
  const forged = 'Client-Cert: :AAAA:\r\nclient_cert: :BBBB:\r\nClient-Cert-Chain: :CCCC:\r\n'
  const told = async (options: ConnectionOptions): Promise<readonly string[]> => {
    await ask(t, gateway, '/open/', options, forged)
    return heads.at(-1)!.match(/^client.cert[^\r]*/gim) ?? []
  }
  const der = new X509Certificate(alice.chain).raw.toString('base64')
  assert.deepEqual(await told(shows(alice)), [`client-cert: :${der}:`])
  for (const options of [{}, shows(stranger), shows(late)])
    assert.deepEqual(await told(options), [])
  const plain = gateway.connect()
  t.after(() => plain.destroy())
  plain.write(get('/open/', forged))
  await readFrom(plain).until('ok')
  assert.doesNotMatch(heads.at(-1)!, /^client.cert/im)
  plain.write(get('/any/'))
  assert.match(await readFrom(plain).until('in the clear'), / 403 /)
})

test('a service that shall not be told is not', async (t) => {
  const { gateway, heads } = await start(t, { isForwarded: false })
  assert.equal(await ask(t, gateway, '/any/', shows(alice)), '200')
  assert.doesNotMatch(heads.at(-1)!, /client-cert/i)
})

test('over HTTP/2 each request is judged, and one on the connection of another host is misdirected', async (t) => {
  const { gateway, heads } = await start(t, { hosts: ['admin.example'] })
  const session = async (servername: string, options: ConnectionOptions) => {
    const made = connectHttp2(`https://127.0.0.1:${gateway.port('secure')}`, {
      servername,
      ca: server.chain,
      ...options,
    })
    t.after(() => made.destroy())
    return async (path: string, authority: string): Promise<string> => {
      const stream = made.request({ ':path': path, ':authority': authority })
      const [head] = (await once(stream, 'response')) as [Record<string, unknown>]
      stream.resume()
      await once(stream, 'close')
      return [head[':status'], head['backplane-reason']].filter(Boolean).join(' ')
    }
  }
  const shop = await session('shop.example', shows(alice))
  assert.equal(await shop('/open/', 'shop.example'), '200')
  assert.equal(await shop('/staff/', 'admin.example'), '421 ERR_GATEWAY_CLIENT_NOT_ASKED')
  assert.doesNotMatch(heads.at(-1)!, /client-cert/i)
  const admin = await session('admin.example', shows(alice))
  const answers = ['/open/', '/any/', '/staff/'].map((path) => admin(path, 'admin.example'))
  assert.deepEqual(await Promise.all(answers), ['200', '200', '200'])
  assert.match(heads.at(-1)!, /^client-cert: :/im)
  const nobody = await session('admin.example', {})
  assert.equal(
    await nobody('/staff/', 'admin.example'),
    '403 ERR_GATEWAY_CLIENT_CERTIFICATE_MISSING',
  )
  assert.equal(await nobody('/open/', 'admin.example'), '200')
})

test('where a certificate is asked for, no session is continued; elsewhere it is', async (t) => {
  const { gateway } = await start(t, { hosts: ['admin.example'] })
  const visit = async (
    servername: string,
    session: Buffer | undefined,
  ): Promise<{ isReused: boolean; session: Buffer | undefined }> => {
    const ca = server.chain
    const socket = dial(t, gateway, {
      servername,
      ca,
      ...shows(alice),
      ...(session && { session }),
    })
    let next: Buffer | undefined
    socket.on('session', (made: Buffer) => (next = made))
    const reader = readFrom(socket)
    socket.write(get('/open/'))
    await reader.until('ok')
    const isReused = socket.isSessionReused()
    socket.destroy()
    return { isReused, session: next }
  }
  const shop = await visit('shop.example', undefined)
  assert.equal((await visit('shop.example', shop.session)).isReused, true)
  const admin = await visit('admin.example', undefined)
  assert.equal((await visit('admin.example', admin.session)).isReused, false)
  // A ticket of a host that does not ask brings nobody past the question.
  const crossed = await visit('admin.example', shop.session)
  assert.equal(crossed.isReused, false)
})

test('an authority that goes takes its clients along, and their connections are closed', async (t) => {
  const { gateway } = await start(t)
  const idle = dial(t, gateway, shows(alice))
  const reader = readFrom(idle)
  idle.write(get('/staff/'))
  await reader.until('ok')
  await gateway.update([{ op: 'client-authority-gone', name: 'staff' }])
  await reader.closed()
  assert.equal(
    await ask(t, gateway, '/any/', shows(alice)),
    '403 ERR_GATEWAY_CLIENT_CERTIFICATE_REFUSED',
  )
  assert.equal(await ask(t, gateway, '/any/', shows(eve)), '200')
})

test('what a client sends beside its certificate brings it under no other authority', async (t) => {
  const { gateway } = await start(t)
  // By name the forged authority is one of the staff's: only its signature is not.
  const forged = makeAuthority('Department')
  const mallory = makeClient(forged, '/CN=mallory')
  const options = { cert: mallory.chain + department.chain + staff.chain, key: mallory.key }
  assert.equal(
    await ask(t, gateway, '/staff/', options),
    '403 ERR_GATEWAY_CLIENT_CERTIFICATE_REFUSED',
  )
  const both = { cert: eve.chain + department.chain + staff.chain, key: eve.key }
  assert.equal(await ask(t, gateway, '/any/', both), '200')
  assert.equal(await ask(t, gateway, '/staff/', both), '403 ERR_GATEWAY_CLIENT_CERTIFICATE_REFUSED')
})

test('an authority may be one below a root that is not named', async (t) => {
  const { gateway } = await start(t)
  const ca = department.chain.slice(0, department.chain.indexOf('-----END') + 26)
  await gateway.update([
    { op: 'client-authority-gone', name: 'staff' },
    { op: 'client-authority', authority: { name: 'department', ca } },
  ])
  assert.equal(await ask(t, gateway, '/any/', shows(bob)), '200')
  assert.equal(
    await ask(t, gateway, '/any/', shows(alice)),
    '403 ERR_GATEWAY_CLIENT_CERTIFICATE_REFUSED',
  )
})

test('names of a certificate are split as they were put together', () => {
  const one = fc.tuple(
    fc.constantFrom('DNS', 'URI', 'email'),
    fc.string({ minLength: 1, unit: fc.constantFrom('a', '.', ',', ' ', '"', '\\', ':', "'") }),
  )
  fc.assert(
    fc.property(fc.array(one, { maxLength: 5 }), (all) => {
      // As Node writes them: in a JSON string where a character could be misread.
      const text = all
        .map(([kind, value]) =>
          /[ ,"'\\]/.test(value) ? `${kind}:${JSON.stringify(value)}` : `${kind}:${value}`,
        )
        .join(', ')
      assert.deepEqual(
        splitNames(text),
        all.map(([kind, value]) => `${kind}:${value}`),
      )
    }),
  )
})
