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

async function makePair(folder: string, name: string, host: string): Promise<void> {
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30']
  const files = ['-keyout', `${name}.key`, '-out', `${name}.crt`, '-subj', `/CN=${host}`]
  const names = ['-addext', `subjectAltName=DNS:${host}`]
  await run('openssl', ['req', '-x509', ...kind, ...files, ...names], { cwd: folder })
}

async function preparedFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'backplane-https-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  await makePair(folder, 'shop', 'shop.example')
  await makePair(folder, 'other', 'other.example')
  return folder
}

const configOf = (tls: string) => `
name: https
listen: { gateway: 0, gateway-tls: 0, console: 0 }
services:
  echo: { run: node ${echo}, health: { http: /health, interval: 500ms } }
gateway:
  hosts: ["*"]
  workers: 2
  routes:
    - { path: /**, to: echo }
tls: ${tls}
`
const BOTH =
  '{ certificates: [{ certificate: shop.crt, key: shop.key }, { certificate: other.crt, key: other.key }], hsts: 365d, redirect: true }'

/** What curl gets from `host`, believing only the certificate in `file`. */
async function curl(
  backplane: Running,
  host: string,
  file: string,
  path = '/x',
  ...more: readonly string[]
): Promise<string> {
  const port = new URL(`https://${backplane.ready.listen['gateway-tls']}`).port
  const at = ['--resolve', `${host}:${port}:127.0.0.1`, '--cacert', file]
  const { stdout } = await run('curl', ['-sSi', ...at, ...more, `https://${host}:${port}${path}`], {
    cwd: backplane.folder,
  })
  return stdout
}

test('HTTPS by file: names, HSTS, redirect, status, why, and a certificate that is replaced while it runs', async (t) => {
  const folder = await preparedFolder(t)
  await using backplane = await startBackplane({ config: configOf(BOTH), folder, keepFolder: true })
  const answer = await curl(backplane, 'shop.example', 'shop.crt')
  assert.match(answer, /^HTTP\/2 200 /)
  assert.match(answer, /^strict-transport-security: max-age=31536000\r$/m)
  const old = await curl(backplane, 'other.example', 'other.crt', '/x', '--http1.1')
  assert.match(old, /^HTTP\/1\.1 200 /)
  assert.match(await curl(backplane, 'other.example', 'other.crt'), /^HTTP\/2 200 /)
  const plain = await fetch(`${backplane.gateway}/a?b`, { redirect: 'manual' })
  const { port } = new URL(`https://${backplane.ready.listen['gateway-tls']}`)
  assert.equal(plain.status, 308)
  assert.equal(plain.headers.get('location'), `https://127.0.0.1:${port}/a?b`)
  const id = /^x-request-id: (\S+)\r$/m.exec(answer)?.[1] ?? ''
  const why = await runCli(['why', id], folder)
  assert.match(why.stdout, /GET shop\.example:\d+\/x over http\/2 and TLSv1\.3$/m)
  const status = await runCli(['status'], folder)
  assert.match(status.stdout, new RegExp(`gateway-tls\\s+https://127\\.0\\.0\\.1:${port}`))
  const { certificates } = (await (
    await fetch(`${backplane.admin}/api/v1/certificates`)
  ).json()) as {
    certificates: { names: string[]; daysLeft: number }[]
  }
  assert.deepEqual(
    certificates.map(({ names }) => names[0]),
    ['shop.example', 'other.example'],
  )
  assert.ok(certificates[0]!.daysLeft >= 28)
  await makePair(folder, 'next', 'shop.example')
  await copyFile(join(folder, 'next.crt'), join(folder, 'shop.crt'))
  await copyFile(join(folder, 'next.key'), join(folder, 'shop.key'))
  await until(
    async () =>
      (await curl(backplane, 'shop.example', 'next.crt').catch(() => '')).includes(' 200 '),
    'the new certificate',
  )
  await writeFile(join(folder, 'shop.key'), 'broken')
  await until(
    async () => (await runCli(['status'], folder)).stdout.includes('ERR_CERTIFICATE_KEY_MISSING'),
    'the problem',
  )
  assert.match(await curl(backplane, 'shop.example', 'next.crt'), /^HTTP\/2 200 /)
  const metrics = await until(async () => {
    const text = await (await fetch(`${backplane.admin}/metrics`)).text()
    return /^backplane_gateway_tls_handshakes_total\{result="TLSv1\.3"\} \d/m.test(text) && text
  }, 'the count of handshakes')
  assert.match(
    metrics,
    /^backplane_certificates_not_after_timestamp_seconds\{.*name="shop\.example"\} \d{10}$/m,
  )
  assert.doesNotMatch(
    backplane.output() + (await runCli(['logs', 'echo'], folder)).stdout,
    /PRIVATE KEY/,
  )
})

test('sessions are resumed over all workers, in both versions', async (t) => {
  const folder = await preparedFolder(t)
  await using backplane = await startBackplane({ config: configOf(BOTH), folder, keepFolder: true })
  const address = backplane.ready.listen['gateway-tls']!
  for (const version of ['-tls1_2', '-tls1_3']) {
    const session = join(folder, `session${version}`)
    const client = ['s_client', '-connect', address, '-servername', 'shop.example', version]
    const ask = `printf 'GET / HTTP/1.1\\r\\nHost: shop.example\\r\\nConnection: close\\r\\n\\r\\n'`
    const shell = (more: string) =>
      run('sh', ['-c', `{ ${ask}; } | openssl ${client.join(' ')} ${more} -ign_eof 2>&1`])
    const first = await shell(`-sess_out ${session}`)
    assert.match(first.stdout, /^New, TLSv1/m)
    const outcomes = await Promise.all(
      Array.from({ length: 8 }, async () => (await shell(`-sess_in ${session}`)).stdout),
    )
    // The kernel spreads the connections over both workers.
    for (const one of outcomes) assert.match(one, /^Reused, TLSv1/m)
  }
})

test('the first start names the file and the reason, a reload that breaks changes nothing', async (t) => {
  const folder = await preparedFolder(t)
  await writeFile(
    join(folder, 'backplane.yaml'),
    configOf('{ certificates: [{ certificate: no.crt, key: shop.key }] }'),
  )
  const failed = await runCli(['up'], folder)
  assert.equal(failed.code, 1)
  assert.match(
    failed.stderr + failed.stdout,
    /no\.crt does not exist \(ERR_CERTIFICATE_UNREADABLE\)/,
  )
  await using backplane = await startBackplane({ config: configOf(BOTH), folder, keepFolder: true })
  await backplane.configure(
    configOf('{ certificates: [{ certificate: shop.crt, key: other.key }] }').replace(
      'shop.crt',
      'none.crt',
    ),
  )
  await until(() => backplane.output().includes('reload-refused'), 'the refusal')
  assert.match(backplane.output(), /none\.crt does not exist/)
  assert.match(await curl(backplane, 'shop.example', 'shop.crt'), /^HTTP\/2 200 /)
  // Without tls the listener goes; with it, it comes back.
  await backplane.configure(configOf('').replace('gateway-tls: 0, ', '').replace('tls: \n', ''))
  await until(
    async () => (await curl(backplane, 'shop.example', 'shop.crt').catch(() => '')) === '',
    'its end',
  )
  await backplane.configure(configOf(BOTH))
  await until(
    async () => (await curl(backplane, 'shop.example', 'shop.crt').catch(() => '')) !== '',
    'its return',
  )
})

test('tls: local: HTTPS without a certificate of anybody, believed by whoever trusts the authority', async () => {
  const config = configOf('local').replace('path: /**', 'path: /**, host: [api.shop.example]')
  await using backplane = await startBackplane({ config })
  const authority = await until(
    () => /"event":"local-authority","file":"([^"]+)"/.exec(backplane.output())?.[1],
    'the command that trusts it',
  )
  for (const host of ['localhost', 'api.shop.example']) {
    const answer = await curl(backplane, host, authority, '/x', '-H', 'host: api.shop.example')
    assert.match(answer, /^HTTP\/2 200 /)
  }
  await assert.rejects(curl(backplane, 'localhost', '/dev/null'), /certificate/)
  const list = await runCli(['status'], backplane.folder)
  assert.match(list.stdout, /gateway-tls\s+https:\/\//)
})

test('TLS to instances: believed by file, checked, and followed when the file changes', async (t) => {
  const folder = await preparedFolder(t)
  await writeFile(
    join(folder, 'secure.mjs'),
    `import { createServer } from 'node:https'
import { readFileSync } from 'node:fs'
createServer({ cert: readFileSync('shop.crt'), key: readFileSync('shop.key') }, (request, response) =>
  response.end(request.url)).listen(process.env.PORT, '127.0.0.1')
`,
  )
  await copyFile(join(folder, 'shop.crt'), join(folder, 'ca.pem'))
  const config = `
name: inside
listen: { gateway: 0, console: 0 }
services:
  secure:
    run: node secure.mjs
    health: { http: /health, interval: 500ms }
    tls: { ca: ca.pem, name: shop.example }
gateway: { routes: [{ path: /**, to: secure }] }
`
  await using backplane = await startBackplane({ config, folder, keepFolder: true })
  const ask = async (): Promise<string> => {
    const answer = await fetch(`${backplane.gateway}/inside`)
    return `${answer.status} ${answer.headers.get('backplane-reason') ?? (await answer.text())}`
  }
  assert.equal(await ask(), '200 /inside')
  await copyFile(join(folder, 'other.crt'), join(folder, 'ca.pem'))
  await until(async () => (await ask()) === '502 ERR_GATEWAY_UPSTREAM_TLS', 'another authority')
  await copyFile(join(folder, 'shop.crt'), join(folder, 'ca.pem'))
  await until(async () => (await ask()) === '200 /inside', 'the right one again')
  await writeFile(join(folder, 'ca.pem'), 'nonsense')
  await until(
    async () => (await runCli(['status'], folder)).stdout.includes('ERR_CERTIFICATE_MALFORMED'),
    'the problem',
  )
  assert.equal(await ask(), '200 /inside')
})
