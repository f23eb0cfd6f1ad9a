import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createNameTable } from './server-names.ts'

test('an exact name comes before the wildcard, and a wildcard is one label', () => {
  const table = createNameTable([
    { names: ['*.shop.example', 'shop.example'], value: 'wide' },
    { names: ['API.shop.example'], value: 'exact' },
    { names: ['api.shop.example'], value: 'exact-rsa' },
    { names: ['127.0.0.1', '::1'], value: 'local' },
  ])
  assert.deepEqual(table.find('api.shop.example'), ['exact', 'exact-rsa'])
  assert.deepEqual(table.find('Api.Shop.Example.'), ['exact', 'exact-rsa'])
  assert.deepEqual(table.find('www.shop.example'), ['wide'])
  assert.deepEqual(table.find('shop.example'), ['wide'])
  assert.deepEqual(table.find('127.0.0.1'), ['local'])
  assert.deepEqual(table.find('::1'), ['local'])
  for (const name of [
    'a.b.shop.example',
    'shop.example.evil',
    '',
    '.',
    '.shop.example',
    'x',
    '*',
  ]) {
    assert.deepEqual(table.find(name), [], name)
  }
})

const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?$/)
const host = fc.array(label, { minLength: 2, maxLength: 4 }).map((labels) => labels.join('.'))

/** As RFC 6125 says it, label by label. */
function coversByLabel(pattern: string, name: string): boolean {
  const [wanted, given] = [pattern.split('.'), name.split('.')]
  if (wanted.length !== given.length) return false
  return wanted.every((one, at) => one === given[at] || (one === '*' && at === 0))
}

test('agrees with a comparison label by label', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.boolean(), host), { minLength: 1, maxLength: 8 }),
      host,
      (list, name) => {
        const patterns = list.map(([isWild, each]) =>
          isWild ? `*.${each.split('.').slice(1).join('.')}` : each,
        )
        for (const asked of [name, ...list.map(([, each]) => each)]) {
          const found = createNameTable(patterns.map((one) => ({ names: [one], value: one }))).find(
            asked,
          )
          const exact = patterns.filter((one) => one === asked)
          const wanted =
            exact.length > 0 ? exact : patterns.filter((one) => coversByLabel(one, asked))
          assert.deepEqual(found, wanted)
        }
      },
    ),
  )
})
