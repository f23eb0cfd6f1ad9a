import assert from 'node:assert/strict'
import { copyFile, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { formatPath } from '../../platform/config/problems.ts'
import { settingsSchema } from '../../settings.ts'
import { inspectCertificates } from './inspect.ts'
import { openssl, selfSigned, signedBy, temporaryFolder } from './testing.ts'

async function inspect(folder: string, settings: unknown): Promise<readonly string[]> {
  const problems = await inspectCertificates(settingsSchema.parse(settings), folder)
  return problems.map(
    ({ path, code, message }) =>
      `${formatPath(path)} ${code.replace('ERR_CERTIFICATE_', '')} ${message.replaceAll(`${folder}/`, '')}`,
  )
}

const pair = (name: string) => ({ certificate: `${name}.crt`, key: `${name}.key` })

test('each file that cannot be used is named with its setting and the reason', async (t) => {
  const folder = await temporaryFolder(t)
  await selfSigned(folder, 'good')
  await selfSigned(folder, 'other')
  await signedBy(folder, 'good', 'old')
  const sign = ['x509', '-req', '-in', 'old.csr', '-signkey', 'old.key', '-days', '-1']
  await openssl(folder, ...sign, '-copy_extensions', 'copyall', '-out', 'old.crt')
  const names = ['chain', 'keyless', 'keyed', 'damaged']
  for (const name of names) await copyFile(join(folder, 'good.key'), join(folder, `${name}.key`))
  const good = await readFile(join(folder, 'good.crt'), 'latin1')
  const other = await readFile(join(folder, 'other.crt'), 'latin1')
  await writeFile(join(folder, 'chain.crt'), good + other)
  await writeFile(join(folder, 'damaged.crt'), good.replace(/\n.{8}/, '\nAAAAAAAA'))
  await writeFile(join(folder, 'keyless.crt'), good)
  await writeFile(join(folder, 'keyless.key'), '')
  await writeFile(join(folder, 'keyed.crt'), good)
  await copyFile(join(folder, 'other.key'), join(folder, 'keyed.key'))
  const certificates = ['good', 'old', 'chain', 'keyless', 'keyed', 'damaged', 'gone'].map(pair)
  const found = await inspect(folder, { tls: { certificates } })
  assert.match(
    found[0] ?? '',
    /^tls\.certificates\[1\]\.certificate EXPIRED old\.crt has expired on 20/,
  )
  assert.deepEqual(found.slice(1), [
    "tls.certificates[2].certificate CHAIN_BROKEN chain.crt has a broken chain: certificate number 2 did not sign number 1; put the certificate first, then each one's issuer",
    'tls.certificates[3].key KEY_MISSING keyless.key has no private key in PEM form',
    'tls.certificates[4].key KEY_MISMATCH keyed.key is not the key of keyed.crt',
    'tls.certificates[5].certificate MALFORMED damaged.crt cannot be read: its certificate number 1 is damaged',
    'tls.certificates[6].certificate UNREADABLE gone.crt does not exist',
  ])
})

test('a folder that is half written names the file that lacks the other half; an authority beside it is none', async (t) => {
  const folder = await temporaryFolder(t)
  await mkdir(join(folder, 'live'))
  await selfSigned(folder, 'live/authority')
  await copyFile(join(folder, 'live/authority.crt'), join(folder, 'authority.crt'))
  await rename(join(folder, 'live/authority.key'), join(folder, 'authority.key'))
  await writeFile(join(folder, 'live/shop.crt'), await signedBy(folder, 'authority', 'shop'))
  await copyFile(join(folder, 'shop.key'), join(folder, 'live/shop.key'))
  const settings = { tls: { folders: ['live', 'none'] } }
  const none =
    'tls.folders[1] UNREADABLE none is a folder of tls.folders and cannot be read (ENOENT)'
  assert.deepEqual(await inspect(folder, settings), [none])
  await rm(join(folder, 'live/shop.key'))
  assert.deepEqual(await inspect(folder, settings), [
    'tls.folders[0] KEY_MISSING live/shop.crt has no key beside it: live/shop.key does not exist',
    none,
  ])
})

test('authorities of clients and of services are looked at too', async (t) => {
  const folder = await temporaryFolder(t)
  await selfSigned(folder, 'good')
  await writeFile(join(folder, 'empty.pem'), '')
  const found = await inspect(folder, {
    services: {
      a: { tls: { ca: 'good.crt', certificate: 'good.crt', key: 'none.key' } },
      b: { tls: { ca: 'empty.pem' } },
      c: { tls: true },
    },
    tls: {
      local: true,
      clients: { authorities: { staff: 'good.crt', partners: 'empty.pem' } },
      acme: { agree: true, ca: 'none.pem' },
    },
  })
  assert.deepEqual(found, [
    'tls.clients.authorities.partners MALFORMED empty.pem has no certificate in PEM form',
    'tls.acme.ca UNREADABLE none.pem cannot be read (ENOENT)',
    'services.a.tls.key UNREADABLE none.key does not exist',
    'services.b.tls.ca MALFORMED empty.pem has no certificate in PEM form',
  ])
})
