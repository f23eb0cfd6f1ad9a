import assert from 'node:assert/strict'
import { test } from 'node:test'
import { xxhash64 } from './xxhash64.ts'

test('hashes of the reference', () => {
  const of = (text: string) => xxhash64(new TextEncoder().encode(text)).toString(16)
  assert.equal(of(''), 'ef46db3751d8e999')
  assert.equal(of('a'), 'd24ec4f1a98c6e5b')
  assert.equal(of('abc'), '44bc2cf5ad770999')
  assert.equal(of('Nobody inspects the spammish repetition'), 'fbcea83c8a378bf1')
})
