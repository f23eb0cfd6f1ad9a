import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatAddress, parseAddress } from './address.ts'
import { CidrError, createCidrSet, isInBlock, isLoopback, parseCidr } from './cidr.ts'

test('addresses in their texts', () => {
  const canonical: Readonly<Record<string, string>> = {
    '0.0.0.0': '0.0.0.0',
    '255.255.255.255': '255.255.255.255',
    '::': '::',
    '::1': '::1',
    '1::': '1::',
    '2001:DB8:0:0:1:0:0:1': '2001:db8::1:0:0:1',
    '2001:db8:0:1:1:1:1:1': '2001:db8:0:1:1:1:1:1',
    '::ffff:1.2.3.4': '1.2.3.4',
    '::FFFF:102:304': '1.2.3.4',
    '64:ff9b::1.2.3.4': '64:ff9b::102:304',
    '1:2:3:4:5:6:1.2.3.4': '1:2:3:4:5:6:102:304',
  }
  for (const [text, expected] of Object.entries(canonical)) {
    const address = parseAddress(text)
    assert.equal(address && formatAddress(address), expected, text)
  }
})

test('what is no address is refused', () => {
  const texts = [
    [
      '',
      '1.2.3',
      '1.2.3.4.5',
      '01.2.3.4',
      '1.2.3.256',
      '1.2.3.-4',
      ' 1.2.3.4',
      '1.2.3.4 ',
      '0x1.2.3.4',
      '1.2.3.',
    ],
    [
      ':',
      ':::',
      '1::2::3',
      '1:2:3:4:5:6:7',
      '1:2:3:4:5:6:7:8:9',
      '12345::',
      'g::',
      '[::1]',
      'fe80::1%eth0',
    ],
    [
      '::1.2.3',
      '1.2.3.4::',
      '1:2:3:4:5:6:7:1.2.3.4',
      '::1:',
      ':1::',
      '1:2:3:4:5:6:7::8:9',
      'localhost',
    ],
  ]
  for (const text of texts.flat()) assert.equal(parseAddress(text), undefined, text)
})

test('every address is read as it was written', () => {
  const groups = fc.array(fc.oneof(fc.constant(0), fc.nat(0xffff)), { minLength: 8, maxLength: 8 })
  fc.assert(
    fc.property(groups, (all) => {
      const text = all.map((group) => group.toString(16)).join(':')
      const address = parseAddress(text)!
      const words = address.family === 4 ? [0, 0, 0xffff, address.words[0]!] : address.words
      assert.deepEqual(
        words.flatMap((word) => [word >>> 16, word & 0xffff]),
        all,
      )
      assert.deepEqual(parseAddress(formatAddress(address)), address)
      if (address.family === 6) {
        assert.equal(`[${formatAddress(address)}]`, new URL(`http://[${text}]`).hostname)
      }
    }),
    { numRuns: 1000 },
  )
})

test('a block has what its first bits say', () => {
  const set = createCidrSet([
    '10.0.0.0/8',
    '192.0.2.7',
    'fd00::/8',
    '::ffff:172.16.0.0/108',
    '0.0.0.0/32',
  ])
  for (const text of [
    '10.255.0.1',
    '192.0.2.7',
    'fdff::1',
    '::ffff:10.1.1.1',
    '172.31.0.1',
    '0.0.0.0',
    'fd00::1%lo',
  ])
    assert.ok(set.contains(text), text)
  for (const text of ['11.0.0.0', '192.0.2.8', 'fe00::', '172.32.0.1', '::', '', 'x', '::10.1.1.1'])
    assert.ok(!set.contains(text), text)
  assert.equal(set.size, 5)
  assert.ok(createCidrSet(['0.0.0.0/0']).contains('255.1.1.1'))
  assert.ok(!createCidrSet(['0.0.0.0/0']).contains('::1'))
  assert.ok(createCidrSet(['::/0']).contains('ffff::1'))
})

test('bad blocks are refused with what to write instead', () => {
  const messages: Readonly<Record<string, RegExp>> = {
    '10.0.0.1/8': /write 10\.0\.0\.0\/8/,
    'fd00::1/64': /write fd00::\/64/,
    '10.0.0.0/33': /0 to 32/,
    '10.0.0.0/08': /0 to 32/,
    '10.0.0.0/': /0 to 32/,
    '::/129': /0 to 128/,
    '::ffff:0:0/95': /wider/,
    '10.0.0.0/8/8': /not an IP address/,
    'proxy.example.com': /not an IP address/,
    '': /not an IP address/,
  }
  for (const [text, message] of Object.entries(messages)) {
    assert.throws(
      () => createCidrSet(['10.0.0.0/8', text]),
      (error) =>
        error instanceof CidrError &&
        error.code === 'ERR_CIDR_INVALID' &&
        error.text === text &&
        message.test(error.message),
      text,
    )
  }
})

test('agrees with comparing the bits one by one', () => {
  const word = fc.nat(0xffffffff)
  const words = fc.oneof(fc.tuple(word), fc.tuple(word, word, word, word))
  const bitsOf = (all: readonly number[]) =>
    all.map((one) => one.toString(2).padStart(32, '0')).join('')
  fc.assert(
    fc.property(words, fc.nat(128), fc.nat(128), (all, wantedBits, flipped) => {
      const family = all.length === 1 ? 4 : 6
      const prefixBits = Math.min(wantedBits, 32 * all.length)
      const other = all.map((one, i) =>
        flipped >> 5 === i ? (one ^ (1 << (31 - (flipped & 31)))) >>> 0 : one,
      )
      const expected = bitsOf(all).slice(0, prefixBits) === bitsOf(other).slice(0, prefixBits)
      assert.equal(
        isInBlock({ address: { family, words: all }, prefixBits }, { family, words: other }),
        expected,
      )
    }),
  )
})

test('loopback', () => {
  for (const text of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1'])
    assert.ok(isLoopback(text), text)
  for (const text of ['0.0.0.0', '::', '128.0.0.1', 'localhost', '10.0.0.1'])
    assert.ok(!isLoopback(text), text)
  assert.equal(parseCidr('::1').prefixBits, 128)
})
