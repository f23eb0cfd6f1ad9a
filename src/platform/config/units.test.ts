import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { explainBadCidr, formatHostPort, isLoopbackHost, parseHostPort } from './addresses.ts'
import {
  duration,
  formatDurationMs,
  formatListenAddress,
  formatRatePerSecond,
  formatShareRatio,
  formatSizeBytes,
  listenAddress,
  parseDurationMs,
  parseListenAddress,
  parseRatePerSecond,
  parseShareRatio,
  parseSizeBytes,
  rate,
  size,
  UnitError,
  unitOf,
} from './units.ts'

const accepted: readonly [(text: string) => unknown, Readonly<Record<string, unknown>>][] = [
  [
    parseDurationMs,
    {
      '500ms': 500,
      '2s': 2000,
      '5m': 300_000,
      '1h': 3_600_000,
      '7d': 604_800_000,
      '1h30m': 5_400_000,
      '1.5s': 1500,
      '0s': 0,
    },
  ],
  [
    parseSizeBytes,
    { '0B': 0, '512B': 512, '64KiB': 65_536, '1.5GiB': 1_610_612_736, '10MB': 1e7, '1kB': 1000 },
  ],
  [parseShareRatio, { '20%': 0.2, '0.2': 0.2, '33.3%': 0.333, '100%': 1, '0%': 0 }],
  [parseRatePerSecond, { '100/s': 100, '6000/m': 100, '0.5/s': 0.5, '36/h': 0.01 }],
  [
    (text) => parseListenAddress(text),
    {
      '8080': { host: '127.0.0.1', port: 8080 },
      '0': { host: '127.0.0.1', port: 0 },
      '0.0.0.0:80': { host: '0.0.0.0', port: 80 },
      '[::1]:8080': { host: '::1', port: 8080 },
      'Localhost:0': { host: 'localhost', port: 0 },
      off: 'off',
    },
  ],
]
const refused: readonly [(text: string) => unknown, readonly string[]][] = [
  [
    parseDurationMs,
    [
      '',
      '2',
      '2 s',
      's',
      '-1s',
      '30m1h',
      '1s1s',
      '1.5m5s',
      '0.5ms',
      '1e3s',
      '２s',
      '99999999999999999d',
      '2S',
    ],
  ],
  [parseSizeBytes, ['', '1', '10M', '10MIB', '1KB', '0.3B', '-1B', '99999999TiB', '1 KiB']],
  [parseShareRatio, ['', '101%', '2', '-1%', '20 %', '%', 'NaN', '1e-1', 'half']],
  [parseRatePerSecond, ['', '100', '100/d', '/s', '-1/s', '100 /s', '1e3/s']],
  [
    (text) => parseListenAddress(text),
    [
      '',
      ':80',
      '*:80',
      '65536',
      '08080',
      '::1:80',
      'a:b',
      '1.2.3:80',
      '010.1.1.1:80',
      '[::1%lo]:80',
      'a b:80',
      'h:80 ',
      '[1.2.3.4]:80',
    ],
  ],
]

test('each unit accepts its forms and refuses what looks like them', () => {
  for (const [parse, cases] of accepted) {
    for (const [text, value] of Object.entries(cases)) assert.deepEqual(parse(text), value, text)
  }
  for (const [parse, texts] of refused) {
    for (const text of texts) assert.throws(() => parse(text), UnitError, JSON.stringify(text))
  }
})

test('what is formatted is read back as the same value', () => {
  const whole = fc.integer({ min: 0, max: 2 ** 50 })
  const property = fc.property(
    whole,
    fc.integer({ min: 0, max: 10_000 }),
    fc.double({ min: 0, max: 1, noNaN: true }),
    (number, small, ratio) => {
      assert.equal(parseDurationMs(formatDurationMs(number)), number)
      assert.equal(parseSizeBytes(formatSizeBytes(number)), number)
      const hundredth = parseShareRatio(`${small / 100}%`)
      assert.equal(parseShareRatio(formatShareRatio(hundredth)), hundredth)
      assert.ok(Math.abs(Number.parseFloat(formatShareRatio(ratio)) - ratio) <= 100)
      for (const unit of ['s', 'm', 'h']) {
        const perSecond = parseRatePerSecond(`${small}/${unit}`)
        assert.equal(parseRatePerSecond(formatRatePerSecond(perSecond)), perSecond)
      }
    },
  )
  fc.assert(property, { verbose: true })
})

test('an address that is formatted is read back', () => {
  const host = fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    fc.constantFrom('localhost', 'orders.internal', 'a-b_c'),
  )
  fc.assert(
    fc.property(host, fc.integer({ min: 0, max: 65_535 }), (name, port) => {
      const address = { host: name, port }
      assert.deepEqual(parseHostPort(formatHostPort(address), 0), address)
      assert.deepEqual(parseListenAddress(formatListenAddress(address)), address)
    }),
    { verbose: true },
  )
})

test('a parser never throws anything but a UnitError', () => {
  const parsers = [
    parseDurationMs,
    parseSizeBytes,
    parseShareRatio,
    parseRatePerSecond,
    parseListenAddress,
  ]
  const text = fc.oneof(fc.string(), fc.stringMatching(/^[0-9.]{0,6}(ms|s|KiB|%|\/s|:[0-9]+)?$/))
  fc.assert(
    fc.property(text, fc.constantFrom(...parsers), (input, parse) => {
      try {
        parse(input)
      } catch (error) {
        assert.ok(error instanceof UnitError, String(error))
      }
    }),
    { verbose: true },
  )
})

test('the schemas say what is demanded, with the bounds', () => {
  const messageOf = (schema: ReturnType<typeof duration>, value: unknown): string | undefined =>
    schema.safeParse(value).error?.issues[0]?.message
  const demand = 'must be a duration such as 500ms, 2s or 5m, from 100ms to 1h'
  const bounded = duration({ min: '100ms', max: '1h' })
  assert.equal(messageOf(bounded, '2h'), `${demand}; is 2h`)
  assert.equal(messageOf(bounded, 5), `${demand}; is 5`)
  assert.equal(messageOf(bounded, undefined), `is missing; it ${demand}`)
  assert.equal(bounded.parse('1h'), 3_600_000)
  assert.equal(bounded.parse('100ms'), 100)
  assert.equal(size({ max: '1KiB' }).safeParse('1025B').success, false)
  assert.equal(rate({ max: 10 }).safeParse('11/s').success, false)
  assert.deepEqual(listenAddress().parse(8080), { host: '127.0.0.1', port: 8080 })
  assert.equal(listenAddress().safeParse(1.5).success, false)
  assert.equal(unitOf(bounded.describe('kept by a copy'))?.bounds, '100ms to 1h')
})

test('only what other machines cannot reach is loopback', () => {
  for (const host of [
    '127.0.0.1',
    '127.9.9.9',
    '::1',
    '0:0:0:0:0:0:0:1',
    'localhost',
    'a.localhost',
  ]) {
    assert.ok(isLoopbackHost(host), host)
  }
  for (const host of [
    '0.0.0.0',
    '::',
    '10.0.0.1',
    '128.0.0.1',
    '::2',
    '2001:db8::1',
    'example.com',
    'localhost.example.com',
    '127.0.0.1.example.com',
  ]) {
    assert.ok(!isLoopbackHost(host), host)
  }
})

test('CIDR blocks', () => {
  for (const block of ['10.0.0.0/8', '10.1.2.3', 'fd00::/8', '::1', '0.0.0.0/0'])
    assert.equal(explainBadCidr(block), undefined)
  for (const block of [
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0/8',
    'fd00::/129',
    'fe80::1%lo/64',
    '10.0.0.0/08',
    '',
  ]) {
    assert.ok(explainBadCidr(block), block)
  }
})
