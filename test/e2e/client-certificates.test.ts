import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { runCli, startBackplane, until, type Running } from '../harness/backplane.ts'

const run = promisify(execFile)
const echo = join(import.meta.dirname, '../harness/echo-service.mjs')
const EC = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']

async function authority(folder: string, name: string): Promise<void> {
  const files = ['-keyout', `${name}.key`, '-out', `${name}.pem`, '-subj', `/CN=${name}`]
  await run('openssl', ['req', '-x509', ...EC, ...files, '-days', '30'], { cwd: folder })
}

async function leaf(folder: string, by: string, name: string, host = name): Promise<void> {
  const names = ['-addext', `subjectAltName=DNS:${host}`]
  const files = ['-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`]
  await run('openssl', ['req', '-new', ...EC, ...files, ...names], { cwd: folder })
  const signer = ['-CA', `${by}.pem`, '-CAkey', `${by}.key`, '-CAcreateserial']
  const rest = ['-in', `${name}.csr`, '-out', `${name}.crt`, '-days', '30']
  await run('openssl', ['x509', '-req', ...signer, ...rest, '-copy_extensions', 'copy'], {
    cwd: folder,
  })
}

async function preparedFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'backplane-clients-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  for (const name of ['staff', 'partners', 'strangers']) await authority(folder, name)
  await leaf(folder, 'staff', 'shop', 'shop.example')
  await leaf(folder, 'staff', 'alice')
  await leaf(folder, 'partners', 'eve')
  await leaf(folder, 'strangers', 'mallory')
  return folder
}

const configOf = (clients: string) => `
name: clients
listen: { default: off, gateway: 0, gateway-tls: 0, console: 0 }
services:
  echo: { run: node ${echo}, health: { http: /health, interval: 500ms } }
gateway:
  hosts: ["*"]
  workers: 2
  routes:
    - { path: /staff/**, to: echo, clientCertificate: [staff] }
    - { path: /any/**, to: echo, clientCertificate: required }
    - { path: /**, to: echo }
tls:
  certificates: [{ certificate: shop.crt, key: shop.key }]
  clients: ${clients}
`
const BOTH = '{ authorities: { staff: staff.pem, partners: partners.pem } }'

/** What curl gets as this client, '' for none. */
async function curl(
  backplane: Running,
  who: string,
  path: string,
  ...more: readonly string[]
): Promise<string> {
  const port = new URL(`https://${backplane.ready.listen['gateway-tls']}`).port
  const at = ['--resolve', `shop.example:${port}:127.0.0.1`, '--cacert', 'staff.pem']
  const id = who === '' ? [] : ['--cert', `${who}.crt`, '--key', `${who}.key`]
  const all = ['-sSi', ...at, ...id, ...more, `https://shop.example:${port}${path}`]
  const { stdout } = await run('curl', all, { cwd: backplane.folder })
  return stdout
}

async function statusOf(backplane: Running, who: string, path: string): Promise<string> {
  const answer = await curl(backplane, who, path)
  const reason = /^backplane-reason: ERR_GATEWAY_(\S+)\r$/m.exec(answer)?.[1] ?? ''
  return `${answer.split(' ')[1]} ${reason}`.trim()
}

test('clients say who they are: demanded by route and by authority, told to services, explained', async (t) => {
  const folder = await preparedFolder(t)
  await using backplane = await startBackplane({ config: configOf(BOTH), folder, keepFolder: true })
  const table = async (who: string): Promise<readonly string[]> =>
    Promise.all(['/', '/any/', '/staff/'].map((path) => statusOf(backplane, who, path)))
  const missing = '403 CLIENT_CERTIFICATE_MISSING'
  const refused = '403 CLIENT_CERTIFICATE_REFUSED'
  assert.deepEqual(await table(''), ['200', missing, missing])
  assert.deepEqual(await table('alice'), ['200', '200', '200'])
  assert.deepEqual(await table('eve'), ['200', '200', refused])
  assert.deepEqual(await table('mallory'), ['200', refused, refused])
  const told = await curl(backplane, 'alice', '/staff/', '-H', 'Client-Cert: :AAAA:')
  const { stdout: der } = await run(
    'sh',
    ['-c', 'openssl x509 -in alice.crt -outform der | base64 -w0'],
    { cwd: folder },
  )
  assert.ok(told.includes(`:${der}:`), told)
  assert.doesNotMatch(told, /:AAAA:/)
  const id = /^x-request-id: (\S+)\r$/m.exec(await curl(backplane, 'eve', '/staff/'))?.[1] ?? ''
  const why = await runCli(['why', id], folder)
  assert.match(why.stdout, /CN=eve is signed by partners, and the route takes staff/)
  assert.match(why.stdout, /^policy client-certificate\s+CN=eve, by partners$/m)
  const plain = await fetch(`${backplane.gateway}/any/`)
  assert.equal(plain.status, 403)
  assert.match(await plain.text(), /in the clear/)

  // An authority's file that is replaced is followed; one that breaks changes nothing, and is a problem.
  await copyFile(join(folder, 'strangers.pem'), join(folder, 'partners.pem'))
  await until(async () => (await statusOf(backplane, 'mallory', '/any/')) === '200', 'its change')
  assert.equal(await statusOf(backplane, 'eve', '/any/'), refused)
  await writeFile(join(folder, 'partners.pem'), 'nothing')
  await until(
    async () => (await runCli(['status'], folder)).stdout.includes('ERR_CERTIFICATE_MALFORMED'),
    'the problem',
  )
  assert.equal(await statusOf(backplane, 'mallory', '/any/'), '200')
})

test('what cannot be meant is refused, by the line', async (t) => {
  const folder = await preparedFolder(t)
  const check = async (text: string): Promise<string> => {
    await writeFile(join(folder, 'backplane.yaml'), text)
    const { code, stdout, stderr } = await runCli(['check'], folder)
    assert.equal(code, 1)
    return stdout + stderr
  }
  assert.match(
    await check(configOf('{ authorities: { workers: staff.pem } }')),
    /staff is not among tls\.clients\.authorities, which are workers/,
  )
  assert.match(
    await check(configOf('{ authorities: { staff: staff.pem }, hosts: [admin.example] }')),
    /only clients of admin\.example are asked \(tls\.clients\.hosts\)/,
  )
  assert.match(
    await check(configOf('{ authorities: { staff: a.pem }, hosts: [a.example], required: true }')),
    /tls\.clients\.required: demands one of every route/,
  )
  assert.match(
    await check(configOf(BOTH).replace(/ {2}clients: .*\n/, '')),
    /add tls: \{ clients: \{ authorities/,
  )
})
