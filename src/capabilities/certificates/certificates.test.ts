import assert from 'node:assert/strict'
import { copyFile, mkdir, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { CertificateOp } from '../../contracts/certificates.ts'
import type { Part } from '../../platform/capability.ts'
import { systemClock } from '../../platform/clock.ts'
import { settingsSchema } from '../../settings.ts'
import type { Certificates, CertificatesConfig } from './api.ts'
import { startCertificates } from './certificates.ts'
import { LocalAuthority } from './local-authority.ts'
import { openCertificateStore } from './store.ts'
import { openssl, selfSigned, temporaryFolder } from './testing.ts'

interface Started {
  readonly part: Part<CertificatesConfig, Certificates>
  /** Ids of the certificates that data has, without their folder. */
  readonly served: () => readonly string[]
  readonly ops: CertificateOp[]
  readonly notices: readonly string[]
  /** Waits for what data is told. */
  readonly told: (isThere: () => boolean) => Promise<void>
  readonly problems: () => readonly string[]
}

async function start(t: TestContext, folder: string, tls: unknown): Promise<Started> {
  const ops: CertificateOp[] = []
  const served = new Map<string, CertificateOp>()
  let wake = Promise.withResolvers<void>()
  const notices: string[] = []
  const releases: (() => unknown)[] = []
  t.after(async () => {
    for (const release of releases.toReversed()) await release()
  })
  const part = await startCertificates(
    configOf(folder, tls),
    {
      async publish(next) {
        ops.push(...next)
        for (const op of next) {
          if (op.op === 'certificate') served.set(op.certificate.id, op)
          if (op.op === 'certificate-gone') served.delete(op.id)
        }
        wake.resolve()
        wake = Promise.withResolvers()
      },
      notify: (text) => void notices.push(text),
    },
    {
      name: 'certificates',
      clock: systemClock,
      random: Math.random,
      log: () => {},
      listeners: undefined as never,
      stopping: new AbortController().signal,
      onStop: (release) => void releases.push(release),
    },
  )
  return {
    part,
    ops,
    notices,
    served: () => [...served.keys()].map((id) => id.replace(`file ${folder}/`, '')).toSorted(),
    async told(isThere) {
      while (!isThere()) await wake.promise
    },
    problems: () =>
      [...(part.problems?.() ?? [])].map(
        ({ code, text }) => `${code} ${text.replaceAll(`${folder}/`, '')}`,
      ),
  }
}

function configOf(folder: string, tls: unknown): CertificatesConfig {
  const { tls: parsed } = settingsSchema.parse({ tls })
  return {
    folder,
    tls: parsed,
    dataDir: join(folder, 'data'),
    hosts: ['shop.example'],
    services: new Map(),
  }
}

const pair = (name: string) => ({ certificate: `${name}.crt`, key: `${name}.key` })

test('files and folders, in order, the first one for clients that name no host', async (t) => {
  const folder = await temporaryFolder(t)
  for (const at of ['live/one', 'live/two', 'live/empty']) {
    await mkdir(join(folder, at), { recursive: true })
  }
  for (const name of ['main', 'live/beside', 'live/one/privkey', 'live/two/tls']) {
    await selfSigned(folder, name, { host: `${name.replaceAll('/', '-')}.example` })
  }
  await rename(join(folder, 'live/one/privkey.key'), join(folder, 'live/one/privkey.pem'))
  await rename(join(folder, 'live/one/privkey.crt'), join(folder, 'live/one/fullchain.pem'))
  await writeFile(join(folder, 'live/readme.txt'), 'not a certificate')
  await writeFile(join(folder, 'live/alone.crt'), 'without a key')
  const { served, ops, problems } = await start(t, folder, {
    certificates: [pair('main')],
    folders: ['live'],
  })
  assert.deepEqual(served(), [
    'live/beside.crt',
    'live/one/fullchain.pem',
    'live/two/tls.crt',
    'main.crt',
  ])
  const first = ops.filter((op) => op.op === 'certificate' && op.certificate.isDefault)
  assert.equal(first.length, 1)
  assert.match(JSON.stringify(first), /main\.example/)
  assert.deepEqual(problems(), [])
})

test('a file that changes is taken; one that breaks leaves the one from before in service', async (t) => {
  const folder = await temporaryFolder(t)
  await selfSigned(folder, 'shop')
  const started = await start(t, folder, { certificates: [pair('shop')] })
  const { ops, told, problems, part } = started
  assert.equal(ops.length, 1)
  await selfSigned(folder, 'next', { host: 'shop.example' })
  // A deployment writes one file after the other: between the two nothing fits.
  await copyFile(join(folder, 'next.crt'), join(folder, 'shop.crt'))
  await until(() => problems().length > 0)
  assert.match(
    problems()[0]!,
    /KEY_MISMATCH shop\.key is not the key of shop\.crt\. The one from before stays/,
  )
  assert.equal(ops.length, 1)
  await copyFile(join(folder, 'next.key'), join(folder, 'shop.key'))
  await told(() => ops.length === 2)
  await until(() => problems().length === 0)
  await rm(join(folder, 'shop.crt'))
  await until(() => problems().length > 0)
  assert.match(problems()[0]!, /UNREADABLE shop\.crt does not exist\. The one from before stays/)
  assert.equal(part.api.holding().held.length, 1)
  assert.equal(ops.length, 2)
})

test('a folder that fills up, also by a swapped link, is followed', async (t) => {
  const folder = await temporaryFolder(t)
  for (const name of ['v1', 'v2', 'good']) await mkdir(join(folder, name))
  await selfSigned(folder, 'good/a')
  await selfSigned(folder, 'v1/b')
  await selfSigned(folder, 'v2/c')
  await symlink('v1', join(folder, 'current'))
  const { served, told, problems } = await start(t, folder, { folders: ['good', 'current'] })
  assert.deepEqual(served(), ['current/b.crt', 'good/a.crt'])
  await selfSigned(folder, 'good/z')
  await told(() => served().includes('good/z.crt'))
  await symlink('v2', join(folder, 'swap'))
  await rename(join(folder, 'swap'), join(folder, 'current'))
  await told(() => served().includes('current/c.crt'))
  await rm(join(folder, 'good/z.key'))
  await until(() => problems().length > 0)
  assert.match(
    problems().join(),
    /UNREADABLE good\/z\.key does not exist\. The one from before stays/,
  )
  assert.ok(served().includes('good/z.crt'))
  await rm(join(folder, 'good/z.crt'))
  await told(() => !served().includes('good/z.crt'))
  assert.deepEqual(served(), ['current/c.crt', 'good/a.crt'])
})

test('the start fails where nothing is left, and tells each file; else it tells a problem', async (t) => {
  const folder = await temporaryFolder(t)
  await selfSigned(folder, 'shop')
  await assert.rejects(
    start(t, folder, {
      certificates: [pair('no'), { certificate: 'shop.crt', key: 'no.key' }],
      folders: ['gone'],
    }),
    (error: Error) =>
      /no\.crt does not exist/.test(error.message) &&
      /no\.key does not exist/.test(error.message) &&
      /gone is a folder of tls\.folders and cannot be read/.test(error.message),
  )
  const { served, problems } = await start(t, folder, { certificates: [pair('no'), pair('shop')] })
  assert.deepEqual(served(), ['shop.crt'])
  assert.match(problems().join(), /UNREADABLE no\.crt does not exist\./)
})

test('a reload that names what cannot be used is refused, and changes nothing', async (t) => {
  const folder = await temporaryFolder(t)
  await selfSigned(folder, 'shop')
  await selfSigned(folder, 'more')
  const { part, served, ops } = await start(t, folder, { certificates: [pair('shop')] })
  const next = (...names: readonly string[]) =>
    part.prepare!(configOf(folder, { certificates: names.map(pair) }))
  await assert.rejects(async () => next('shop', 'no'), /no\.crt does not exist/)
  assert.equal(ops.length, 1)
  const prepared = await next('more', 'shop')
  assert.equal(ops.length, 1)
  await prepared.commit()
  assert.deepEqual(served(), ['more.crt', 'shop.crt'])
  // What is in service already may have gone bad: that refuses no reload.
  await rm(join(folder, 'shop.key'))
  await (await next('shop')).commit()
  assert.deepEqual(served(), ['shop.crt'])
})

test('what ends soon is a problem, and a metric says when', async (t) => {
  const folder = await temporaryFolder(t)
  await selfSigned(folder, 'soon', { days: 1 })
  await selfSigned(folder, 'long', { days: 90 })
  const { part } = await start(t, folder, { certificates: [pair('soon'), pair('long')] })
  const { certificateProblems } = await import('./console.ts')
  const at = (ms: number) =>
    [...certificateProblems(part.api, Date.now() + ms)].map(({ code }) => code)
  const DAY_MS = 86_400_000
  assert.deepEqual(at(0), [])
  assert.deepEqual(at(0.9 * DAY_MS), ['ERR_CERTIFICATE_EXPIRES_SOON'])
  assert.deepEqual(at(2 * DAY_MS), ['ERR_CERTIFICATE_EXPIRED'])
  assert.deepEqual(at(85 * DAY_MS), ['ERR_CERTIFICATE_EXPIRED', 'ERR_CERTIFICATE_EXPIRES_SOON'])
  const [family] = [...part.metrics!()]
  assert.equal([...family!.samples].length, 2)
})

test('tls: local signs for this machine and the hosts of routes, once, and says how to trust it', async (t) => {
  const folder = await temporaryFolder(t)
  const first = await start(t, folder, 'local')
  const [held] = first.part.api.holding().held
  assert.deepEqual(held!.names, [
    'localhost',
    '*.localhost',
    '127.0.0.1',
    '0:0:0:0:0:0:0:1',
    'shop.example',
  ])
  const authority = join(folder, 'data/certificates/local/authority.pem')
  assert.equal(first.part.api.authorityFile(), authority)
  assert.equal(first.notices.length, 1)
  assert.ok(first.notices[0]!.includes(authority))
  for (const name of ['.', 'authority.key', 'leaf.key', 'leaf.pem']) {
    const { mode } = await stat(join(folder, 'data/certificates/local', name))
    assert.equal(mode & 0o077, 0, name)
  }
  const told = await openssl(
    folder,
    'verify',
    '-CAfile',
    authority,
    'data/certificates/local/leaf.pem',
  )
  assert.match(told, /leaf\.pem: OK/)
  const again = await start(t, folder, 'local')
  assert.equal(again.part.api.holding().held[0]!.serial, held!.serial)
})

test('a leaf of ours is replaced at two thirds of its life, for new hosts, and when its key is lost; the authority stays', async (t) => {
  const folder = await temporaryFolder(t)
  const store = openCertificateStore(join(folder, 'local'))
  const nowMs = Date.now()
  const DAY_MS = 86_400_000
  const leaf = (atMs: number, ...hosts: readonly string[]) =>
    new LocalAuthority(store).leafFor(hosts, atMs)
  const first = await leaf(nowMs)
  const root = await store.read('authority.pem')
  assert.deepEqual(await leaf(nowMs + 59 * DAY_MS), first)
  const renewed = await leaf(nowMs + 61 * DAY_MS)
  assert.notEqual(renewed.pair.key, first.pair.key)
  const more = await leaf(nowMs + 61 * DAY_MS, '*.shop.example')
  assert.notEqual(more.pair.key, renewed.pair.key)
  assert.deepEqual(await leaf(nowMs + 61 * DAY_MS), more, 'fewer hosts need no other')
  // A kill between the two writes of a pair.
  await store.write('leaf.key', first.pair.key)
  assert.notEqual((await leaf(nowMs)).pair.certificate, more.pair.certificate)
  assert.equal(await store.read('authority.pem'), root)
  await store.write('authority.key', 'half')
  await leaf(nowMs)
  assert.notEqual(await store.read('authority.pem'), root)
})

test('certificates of files come before our own, for the names that they cover', async (t) => {
  const folder = await temporaryFolder(t)
  await selfSigned(folder, 'shop', { kind: 'rsa' })
  const { ops } = await start(t, folder, { local: true, certificates: [pair('shop')] })
  const names = ops.flatMap((op) => (op.op === 'certificate' ? [op.certificate.names] : []))
  assert.deepEqual(names, [
    ['shop.example'],
    ['localhost', '*.localhost', '127.0.0.1', '0:0:0:0:0:0:0:1'],
  ])
})

async function until(isThere: () => boolean): Promise<void> {
  const endMs = performance.now() + 10_000
  while (!isThere()) {
    assert.ok(performance.now() < endMs, 'waited too long')
    await new Promise((done) => setTimeout(done, 10))
  }
}
