import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { runCli, startBackplane, until, type Running } from '../harness/backplane.ts'
import { freePort, type Pebble, startPebble } from './acme/pebble.ts'

const run = promisify(execFile)

function isThere(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

const skip = isThere('pebble') ? false : 'pebble is missing: npm run peers'

interface Ports {
  readonly httpPort: number
  readonly tlsPort: number
}

async function ports(): Promise<Ports> {
  const [httpPort, tlsPort] = await Promise.all([freePort(), freePort()])
  return { httpPort, tlsPort }
}

const configOf = (pebble: Pebble, { httpPort, tlsPort }: Ports, hosts: string, more = '') => `
name: acme
listen: { default: off, gateway: ${httpPort}, gateway-tls: ${tlsPort}, console: 0 }
gateway:
  hosts: ["*"]
  workers: 2
  routes: [{ path: /**, respond: { status: 200, body: ok } }]
tls:
  acme: { agree: true, email: ops@shop.example, directory: "${pebble.directory}", ca: ${pebble.caFile}, hosts: [${hosts}]${more} }
`

/** The certificate that a client is shown; undefined: there is none. */
function shown(tlsPort: number, servername: string): Promise<X509Certificate | undefined> {
  const { promise, resolve } = Promise.withResolvers<X509Certificate | undefined>()
  const options = { host: '127.0.0.1', port: tlsPort, servername, rejectUnauthorized: false }
  const socket = connect(options, () => {
    resolve(socket.getPeerX509Certificate())
    socket.destroy()
  })
  socket.on('error', () => resolve(undefined))
  return promise
}

interface Listed {
  readonly certificates: { source: string; names: string[] }[]
  readonly issuing: {
    host: string
    step: string
    failures: number
    nextMs: number
    hasCertificate: boolean
    window: { startMs: number } | null
    fault: { code: string; text: string } | null
  }[]
}

async function list(backplane: Running): Promise<Listed> {
  return (await (await fetch(`${backplane.admin}/api/v1/certificates`)).json()) as Listed
}

async function memoryOf(backplane: Running, host: string): Promise<Record<string, unknown>> {
  const file = join(backplane.folder, `.backplane/certificates/acme/${host}.json`)
  return JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>
}

test(
  'certificates by http-01 and by tls-alpn-01, with every second nonce refused; keys are readable by nobody else',
  { skip },
  async () => {
    const at = await ports()
    await using pebble = await startPebble({ ...at, badNonces: 50 })
    const config = configOf(pebble, at, 'a.shop.example, b.shop.example')
    await using backplane = await startBackplane({ config })
    for (const host of ['a.shop.example', 'b.shop.example']) {
      await until(async () => (await shown(at.tlsPort, host)) !== undefined, host, 60_000)
    }
    await until(
      async () =>
        (await shown(at.tlsPort, 'b.shop.example'))?.subjectAltName === 'DNS:b.shop.example',
      'its own certificate',
      60_000,
    )
    assert.equal(pebble.seen.get('order'), countWithNonces(pebble, 'order', 2))
    await writeFile(join(backplane.folder, 'root.pem'), await pebble.root())
    const { stdout } = await run(
      'curl',
      [
        '-sS',
        '--cacert',
        'root.pem',
        '--resolve',
        `a.shop.example:${at.tlsPort}:127.0.0.1`,
        `https://a.shop.example:${at.tlsPort}/`,
      ],
      { cwd: backplane.folder },
    )
    assert.equal(stdout, 'ok')
    // By the other kind: a host that is new.
    await backplane.configure(
      configOf(pebble, at, 'a.shop.example, c.shop.example', ', challenges: [tls-alpn-01]'),
    )
    await until(
      async () =>
        (await shown(at.tlsPort, 'c.shop.example'))?.subjectAltName === 'DNS:c.shop.example',
      'a certificate by tls-alpn-01',
      60_000,
    )
    const folder = join(backplane.folder, '.backplane/certificates/acme')
    assert.equal((await stat(folder)).mode & 0o777, 0o700)
    const files = await readdir(folder)
    assert.ok(files.length >= 5, files.join())
    for (const file of files) assert.equal((await stat(join(folder, file))).mode & 0o777, 0o600)
    const { issuing, certificates } = await list(backplane)
    assert.deepEqual(
      issuing.map(({ host, hasCertificate, fault }) => [host, hasCertificate, fault]),
      [
        ['a.shop.example', true, null],
        ['c.shop.example', true, null],
      ],
    )
    assert.deepEqual(
      certificates.map(({ source }) => source),
      ['acme', 'acme'],
    )
    // Renewed at about two thirds of its life.
    const one = (await shown(at.tlsPort, 'a.shop.example'))!
    const [from, to] = [Date.parse(one.validFrom), Date.parse(one.validTo)]
    const share = (issuing[0]!.nextMs - from) / (to - from)
    assert.ok(share <= 0.71, String(share))
    const metrics = await (await fetch(`${backplane.admin}/metrics`)).text()
    assert.match(metrics, /^backplane_certificates_acme_orders_total\{result="issued"\} 3$/m)
    assert.doesNotMatch(backplane.output(), /PRIVATE KEY/)
  },
)

/** A request whose nonce was refused comes again; what is counted at the front is at least the orders. */
function countWithNonces(pebble: Pebble, kind: string, least: number): number {
  const count = pebble.seen.get(kind) ?? 0
  assert.ok(count >= least && count < least + 40, `${count}`)
  return count
}

async function controlPid(backplane: Running): Promise<number> {
  const { supervisor } = backplane.ready.pids
  const children = await readFile(`/proc/${supervisor}/task/${supervisor}/children`, 'utf8')
  for (const pid of children.trim().split(/\s+/).map(Number)) {
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    if (/control\.(ts|js)\0/.test(line)) return pid
  }
  return 0
}

test(
  'control killed at each step, its answer lost: the order goes on, and one is begun',
  { skip },
  async () => {
    const at = await ports()
    await using pebble = await startPebble({ ...at, badNonces: 0 })
    const killed = new Set<string>()
    let backplane: Running | undefined
    pebble.faults = {
      async after({ kind }) {
        if (killed.has(kind) || backplane === undefined) return
        killed.add(kind)
        process.kill(await controlPid(backplane), 'SIGKILL')
      },
    }
    const host = 'killed.shop.example'
    await using running = await startBackplane({ config: configOf(pebble, at, host) })
    backplane = running
    await until(
      async () => (await shown(at.tlsPort, host))?.subjectAltName === `DNS:${host}`,
      'a certificate',
      120_000,
    )
    const steps = ['account', 'authz', 'certificate', 'challenge', 'finalize', 'my-order', 'order']
    for (const step of steps) assert.ok(killed.has(step), `${step} of ${[...killed].join()}`)
    // The answer to the first one was lost, and with it where the order is: that is the one that may be repeated.
    assert.ok(pebble.seen.get('order')! <= 2, String(pebble.seen.get('order')))
    const memory = await memoryOf(running, host)
    assert.equal(memory['order'], undefined)
    assert.equal(memory['failures'], 0)
    const why = await list(running)
    assert.equal(why.issuing[0]!.hasCertificate, true)
  },
)

test(
  'an authority that refuses is left alone as long as it says; the certificate from before stays, and it is told',
  { skip },
  async () => {
    const at = await ports()
    await using pebble = await startPebble({ ...at, badNonces: 0 })
    const type = (name: string) => `urn:ietf:params:acme:error:${name}`
    const host = 'limited.shop.example'
    const limited = { type: type('rateLimited'), detail: 'too many certificates already issued' }
    pebble.faults = {
      async before({ kind }) {
        if (kind !== 'order') return undefined
        return { status: 429, body: limited, headers: { 'retry-after': '7200' } }
      },
    }
    await using backplane = await startBackplane({ config: configOf(pebble, at, host) })
    const [first] = (
      await until(async () => {
        const found = await list(backplane)
        return found.issuing[0]?.fault != null && found
      }, 'the refusal')
    ).issuing
    assert.equal(first!.fault!.code, 'ERR_CERTIFICATE_ACME_LIMITED')
    const waitMs = first!.nextMs - Date.now()
    assert.ok(waitMs > 7_100_000 && waitMs < 9_000_000, String(waitMs))
    const status = await runCli(['status'], backplane.folder)
    assert.match(
      status.stdout,
      /too many certificates already issued \(rateLimited\)\. It is tried again in 1 hours?|in 1\d\d minutes|in 2 hours/,
    )
    assert.equal(pebble.seen.get('order'), 1)
    // A restart of control asks no sooner.
    const pid = await controlPid(backplane)
    process.kill(pid, 'SIGKILL')
    await until(async () => ![0, pid].includes(await controlPid(backplane)), 'a new control')
    const again = await until(
      async () => list(backplane).catch(() => undefined),
      'what the new one knows',
    )
    assert.equal(again.issuing[0]!.fault!.code, 'ERR_CERTIFICATE_ACME_LIMITED')
    assert.equal(pebble.seen.get('order'), 1)
  },
)

test(
  'what the authority suggests decides when a certificate is renewed (RFC 9773), and a failure leaves the old one in service',
  { skip },
  async () => {
    const at = await ports()
    await using pebble = await startPebble({ ...at, badNonces: 0 })
    const host = 'suggested.shop.example'
    const asked: string[] = []
    const day = (days: number): string => new Date(Date.now() + days * 86_400_000).toISOString()
    let window = { start: day(10), end: day(11) }
    pebble.faults = {
      async before({ kind }) {
        if (kind === 'directory') {
          const url = (name: string) => pebble.directory.replace('/dir', name)
          return {
            status: 200,
            body: {
              newNonce: url('/nonce-plz'),
              newAccount: url('/sign-me-up'),
              newOrder: url('/order-plz'),
              renewalInfo: url('/renewal'),
            },
          }
        }
        if (kind !== 'renewal') return undefined
        asked.push(kind)
        const body = { suggestedWindow: window, explanationURL: 'https://ca.example/why' }
        return { status: 200, body, headers: { 'retry-after': '3600' } }
      },
    }
    await using backplane = await startBackplane({ config: configOf(pebble, at, host) })
    const [view] = (
      await until(
        async () => {
          const found = await list(backplane)
          return found.issuing[0]?.window != null && found
        },
        'the suggestion',
        60_000,
      )
    ).issuing
    const memory = await memoryOf(backplane, host)
    const days = ((memory['renewAtMs'] as number) - Date.now()) / 86_400_000
    assert.ok(days > 9.9 && days < 11.1, String(days))
    assert.equal(view!.nextMs, memory['renewAtMs'])
    assert.equal(asked.length, 1)
    const old = (await shown(at.tlsPort, host))!.serialNumber
    // The authority takes it back: the window is over. Control is stopped, so that the hour until it asks again, and the rest after a success, are over.
    window = { start: day(-2), end: day(-1) }
    await backplane.stop()
    const file = join(backplane.folder, `.backplane/certificates/acme/${host}.json`)
    await writeFile(file, JSON.stringify({ ...memory, askAtMs: 0, tryAtMs: 0 }))
    let isBroken = true
    const usual = pebble.faults
    pebble.faults = {
      async before(passing) {
        if (isBroken && passing.kind === 'order') return { status: 503, body: {} }
        return usual.before?.(passing)
      },
    }
    await using second = await startBackplane({
      config: configOf(pebble, at, host),
      folder: backplane.folder,
      keepFolder: true,
    })
    const failed = await until(async () => {
      const found = await list(second)
      return found.issuing[0]?.fault != null && found
    }, 'the failure')
    assert.equal(failed.issuing[0]!.fault!.code, 'ERR_CERTIFICATE_ACME_UNREACHABLE')
    assert.equal((await shown(at.tlsPort, host))!.serialNumber, old)
    assert.match(
      (await runCli(['status'], second.folder)).stdout,
      /The one from before stays in service/,
    )
    isBroken = false
    await second.stop()
    const later = JSON.parse(await readFile(file, 'utf8')) as object
    await writeFile(file, JSON.stringify({ ...later, tryAtMs: 0 }))
    await using third = await startBackplane({
      config: configOf(pebble, at, host),
      folder: backplane.folder,
      keepFolder: true,
    })
    await until(
      async () => ![undefined, old].includes((await shown(at.tlsPort, host))?.serialNumber),
      'the new certificate',
      60_000,
    )
    assert.equal((await list(third)).issuing[0]!.fault, null)
  },
)
