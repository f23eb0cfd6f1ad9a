import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { CertificateError } from './errors.ts'
import { parsePair, type UsableCertificate } from './parse-pair.ts'
import { openssl, selfSigned, signedBy, temporaryFolder } from './testing.ts'

/** After all that is issued here. */
const NOW_MS = Date.now() + 300_000
const DAY_MS = 86_400_000

async function parse(
  folder: string,
  certificate: string,
  key = certificate,
  nowMs = NOW_MS,
): Promise<UsableCertificate> {
  const text = {
    certificateFile: `${certificate}.crt`,
    keyFile: `${key}.key`,
    certificate: await readFile(join(folder, `${certificate}.crt`), 'latin1'),
    key: await readFile(join(folder, `${key}.key`), 'latin1'),
  }
  return parsePair(text, nowMs)
}

async function faultOf(found: Promise<unknown>): Promise<string> {
  const error = await found.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof CertificateError, String(error))
  return `${error.code.replace('ERR_CERTIFICATE_', '')}: ${error.message}`
}

test('what is told of a certificate', async (t) => {
  const folder = await temporaryFolder(t)
  const names = 'subjectAltName=DNS:Shop.Example,DNS:*.shop.example,IP:127.0.0.1,IP:::1,email:a@b.c'
  const subject = ['-subj', '/O=Test, Inc/CN=shop.example', '-addext', names]
  await selfSigned(folder, 'shop', { arguments: subject })
  const shop = await parse(folder, 'shop')
  assert.deepEqual(shop.names, ['shop.example', '*.shop.example', '127.0.0.1', '0:0:0:0:0:0:0:1'])
  assert.equal(shop.keyType, 'ecdsa')
  assert.match(shop.subject, /CN=shop\.example, O=Test/)
  assert.ok(shop.notAfterMs - shop.notBeforeMs === 30 * DAY_MS)
  await selfSigned(folder, 'rsa', { kind: 'rsa' })
  assert.equal((await parse(folder, 'rsa')).keyType, 'rsa')
  await selfSigned(folder, 'old', { arguments: ['-subj', '/CN=old.example'] })
  assert.deepEqual((await parse(folder, 'old')).names, ['old.example'])
})

test('each way in which a pair cannot be used has its code, and names the file', async (t) => {
  const folder = await temporaryFolder(t)
  await selfSigned(folder, 'shop')
  await selfSigned(folder, 'other')
  const late = parse(folder, 'shop', 'shop', NOW_MS + 40 * DAY_MS)
  assert.match(await faultOf(late), /^EXPIRED: shop\.crt has expired on \d/)
  const early = parse(folder, 'shop', 'shop', NOW_MS - DAY_MS)
  assert.match(await faultOf(early), /^NOT_YET_VALID: shop\.crt is not valid before/)
  assert.match(
    await faultOf(parse(folder, 'shop', 'other')),
    /^KEY_MISMATCH: other\.key is not the key of shop\.crt/,
  )
  const [certificate, key] = await Promise.all(
    ['shop.crt', 'shop.key'].map((name) => readFile(join(folder, name), 'latin1')),
  )
  const put = (name: string, text: string): Promise<void> => writeFile(join(folder, name), text)
  await put('half.crt', certificate!.slice(0, 300))
  assert.match(await faultOf(parse(folder, 'half', 'shop')), /^MALFORMED: half\.crt/)
  await put('bent.crt', certificate!.replace(/[A-Za-z0-9]{20}\n/, `${'A'.repeat(20)}\n`))
  assert.match(await faultOf(parse(folder, 'bent', 'shop')), /^MALFORMED|^KEY_MISMATCH/)
  await put('half.key', key!.slice(0, 100))
  assert.match(await faultOf(parse(folder, 'shop', 'half')), /^KEY_UNUSABLE: half\.key/)
  await put('none.key', certificate!)
  assert.match(await faultOf(parse(folder, 'shop', 'none')), /^KEY_MISSING: none\.key/)
  await openssl(
    folder,
    'pkey',
    '-in',
    'shop.key',
    '-aes256',
    '-passout',
    'pass:x',
    '-out',
    'pass.key',
  )
  assert.match(
    await faultOf(parse(folder, 'shop', 'pass')),
    /^KEY_UNUSABLE: pass\.key .*passphrase/,
  )
  await selfSigned(folder, 'ed', { kind: 'ed25519' })
  assert.match(await faultOf(parse(folder, 'ed')), /^KEY_UNUSABLE: ed\.key .*ed25519/)
  await selfSigned(folder, 'short', { kind: 'short' })
  assert.match(await faultOf(parse(folder, 'short')), /^REFUSED: short\.crt .*too small/)
  const client = ['-subj', '/CN=a client', '-addext', 'subjectAltName=email:a@b.c']
  await selfSigned(folder, 'client', { arguments: client })
  assert.match(await faultOf(parse(folder, 'client')), /^NO_NAME: client\.crt/)
})

test('a chain is in order, and its root may be left out', async (t) => {
  const folder = await temporaryFolder(t)
  await selfSigned(folder, 'root')
  await selfSigned(folder, 'stranger')
  const leaf = await signedBy(folder, 'root', 'leaf')
  const [root, stranger] = await Promise.all(
    ['root', 'stranger'].map((name) => readFile(join(folder, `${name}.crt`), 'latin1')),
  )
  const chainOf = async (...parts: readonly string[]): Promise<UsableCertificate> => {
    await writeFile(join(folder, 'chain.crt'), parts.join('\n'))
    return parse(folder, 'chain', 'leaf')
  }
  assert.equal((await chainOf(leaf)).chain.match(/BEGIN/g)?.length, 1)
  assert.equal((await chainOf('a comment', leaf, root!)).chain.match(/BEGIN/g)?.length, 2)
  assert.match(await faultOf(chainOf(leaf, stranger!)), /^CHAIN_BROKEN: chain\.crt .*number 2/)
  assert.match(await faultOf(chainOf(root!, leaf)), /^KEY_MISMATCH/)
  assert.match(await faultOf(chainOf(...Array.from({ length: 17 }, () => leaf))), /^MALFORMED/)
})
