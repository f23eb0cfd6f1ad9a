import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { makeFolder } from '../testing/house.ts'
import { readMasterKey } from './master-key.ts'
import { createVault } from './vault.ts'

test('what is sealed is opened under its own name and key only, and no bit of it can be changed', () => {
  const vault = createVault(Buffer.alloc(32, 1))
  const other = createVault(Buffer.alloc(32, 2))
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.nat(), (name, text, at) => {
      const sealed = vault.seal(name, text)
      assert.equal(vault.open(name, sealed), text)
      assert.throws(() => vault.open(`${name}x`, sealed), { code: 'ERR_IDENTITY_KEY_WRONG' })
      assert.throws(() => other.open(name, sealed), { code: 'ERR_IDENTITY_KEY_WRONG' })
      const bytes = Buffer.from(sealed.slice(3), 'base64url')
      bytes[at % bytes.length]! ^= 1
      assert.throws(() => vault.open(name, `v1.${bytes.toString('base64url')}`))
      assert.notEqual(vault.seal(name, text), sealed, 'a fresh nonce each time')
    }),
  )
  for (const bad of ['', 'v1.', 'v2.AAAA', 'v1.AAAA']) assert.throws(() => vault.open('x', bad))
})

test('the master key is made once, for its owner alone, and a damaged one is not replaced', (t) => {
  const file = join(makeFolder(t), 'identity', 'master.key')
  const key = readMasterKey(undefined, file)
  assert.equal(key.length, 32)
  assert.deepEqual(readMasterKey(undefined, file), key)
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.deepEqual(readMasterKey('given', file), Buffer.from('given'))
  writeFileSync(file, 'short')
  assert.throws(() => readMasterKey(undefined, file), /backup/)
  assert.equal(readFileSync(file, 'utf8'), 'short')
})

test('a key that was half written when the process died is made again', (t) => {
  const folder = makeFolder(t)
  const file = join(folder, 'master.key')
  writeFileSync(`${file}.new`, 'AAAA')
  const key = readMasterKey(undefined, file)
  assert.equal(key.length, 32)
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.deepEqual(readdirSync(folder), ['master.key'])
})
