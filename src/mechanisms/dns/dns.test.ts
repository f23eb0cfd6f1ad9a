import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { CLASS, TYPE, type DnsMessage, type DnsRecord, type RecordData } from './message.ts'
import { createName, keyOf, parseName, type DnsName } from './name.ts'
import { DnsFormatError, parseMessage } from './parse.ts'
import { encodeMessage, MessageWriter, OPT_BYTES, srvBytes } from './write.ts'

const named = (text: string): DnsName => {
  const name = parseName(text)
  assert.ok(name)
  return name
}

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex')

/** Any bytes but in few labels, so that names share their ends. */
const label = fc.oneof(
  fc.constantFrom('web', 'db', 'service', 'consul', 'dc1', 'Node'),
  fc
    .uint8Array({ minLength: 1, maxLength: 63 })
    .map((bytes) => Buffer.from(bytes).toString('latin1')),
)
const name = fc
  .array(label, { maxLength: 8 })
  .map(createName)
  .filter((one) => one !== undefined)
const u16 = fc.integer({ min: 0, max: 0xffff })
const u32 = fc.integer({ min: 0, max: 0xffff_ffff })
const text = fc.uint8Array({ maxLength: 255 }).map((bytes) => Buffer.from(bytes).toString('latin1'))
const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const data: fc.Arbitrary<RecordData> = fc.oneof(
  fc.record({ type: fc.constant('A' as const), address: bytesOf(4) }),
  fc.record({ type: fc.constant('AAAA' as const), address: bytesOf(16) }),
  fc.record({ type: fc.constantFrom('NS' as const, 'CNAME', 'PTR'), target: name }),
  fc.record({
    type: fc.constant('SRV' as const),
    priority: u16,
    weight: u16,
    port: u16,
    target: name,
  }),
  fc.record({
    type: fc.constant('TXT' as const),
    texts: fc.array(text, { minLength: 1, maxLength: 3 }),
  }),
  fc.record({
    type: fc.constant('SOA' as const),
    primary: name,
    mailbox: name,
    serial: u32,
    refreshS: u32,
    retryS: u32,
    expireS: u32,
    negativeS: u32,
  }),
  fc.record({
    type: fc.constant('OTHER' as const),
    number: fc.constantFrom(13, 257, 65_000),
    bytes: fc.uint8Array({ maxLength: 40 }),
  }),
)
const record: fc.Arbitrary<DnsRecord> = fc.record({ name, class: u16, ttlS: u32, data })
const records = fc.array(record, { maxLength: 5 })
const message: fc.Arbitrary<DnsMessage> = fc.record({
  id: u16,
  isResponse: fc.boolean(),
  opcode: fc.integer({ min: 0, max: 15 }),
  isAuthoritative: fc.boolean(),
  isTruncated: fc.boolean(),
  isRecursionDesired: fc.boolean(),
  isRecursionAvailable: fc.boolean(),
  rcode: fc.integer({ min: 0, max: 15 }),
  questions: fc.array(fc.record({ name, type: u16, class: u16 }), { maxLength: 2 }),
  answers: records,
  authorities: records,
  additionals: records,
  edns: fc.option(fc.record({ udpBytesMax: u16, version: fc.nat(255), isDnssecOk: fc.boolean() }), {
    nil: undefined,
  }),
})

/** Names compare without case, and other things by their bytes. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_key, part: unknown) => {
      if (typeof part === 'object' && part !== null && 'wire' in part) return keyOf(part as DnsName)
      return part instanceof Uint8Array ? Buffer.from(part).toString('hex') : part
    }),
  )
}

test('what is written is read back, whatever it is', () => {
  fc.assert(
    fc.property(message, (one) => {
      const bytes = encodeMessage(one, 65_535)
      assert.ok(bytes)
      assert.deepEqual(plain(parseMessage(bytes)), plain(one))
    }),
    { numRuns: 500 },
  )
})

test('any bytes are a message or refused as such, and quickly', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
      try {
        parseMessage(bytes)
      } catch (error) {
        assert.ok(error instanceof DnsFormatError)
      }
    }),
    { numRuns: 2_000 },
  )
})

test('one changed byte of a message is read or refused', () => {
  fc.assert(
    fc.property(message, fc.nat(), fc.nat(255), (one, at, byte) => {
      const bytes = encodeMessage(one, 65_535)
      assert.ok(bytes)
      bytes[at % bytes.length] = byte
      try {
        parseMessage(bytes)
      } catch (error) {
        assert.ok(error instanceof DnsFormatError)
      }
    }),
    { numRuns: 1_000 },
  )
})

test('a message that is cut is refused', () => {
  fc.assert(
    fc.property(message, fc.nat(), (one, length) => {
      const bytes = encodeMessage(one, 65_535)
      assert.ok(bytes)
      assert.throws(() => parseMessage(bytes.subarray(0, length % bytes.length)), DnsFormatError)
    }),
  )
})

test('what does not fit is left out whole, and nothing is longer than was asked', () => {
  fc.assert(
    fc.property(records, fc.integer({ min: 12, max: 400 }), (all, bytesMax) => {
      const writer = new MessageWriter(1_000)
      const head = { id: 1, isResponse: true, opcode: 0, rcode: 0, isAuthoritative: true }
      writer.begin({ ...head, isRecursionDesired: false, isRecursionAvailable: false }, bytesMax)
      const kept = all.filter((one) =>
        writer.record('answers', one.name, one.ttlS, one.data, one.class),
      )
      const bytes = writer.finish()
      assert.ok(bytes.length <= bytesMax)
      assert.deepEqual(plain(parseMessage(bytes).answers), plain(kept))
    }),
    { numRuns: 500 },
  )
})

test('RFC 1035 section 4.1.4: names share their ends', () => {
  const bytes = encodeMessage(
    {
      ...empty,
      questions: [{ name: named('F.ISI.ARPA'), type: TYPE.A, class: CLASS.IN }],
      answers: [
        address('FOO.F.ISI.ARPA'),
        address('isi.arpa'),
        { ...address(''), name: named('.') },
      ],
    },
    512,
  )
  assert.equal(
    bytes?.toString('hex'),
    hex(`0001 8400 0001 0003 0000 0000  0146 0349 5349 0441 5250 4100 0001 0001
         0346 4f4f c00c 0001 0001 00000000 0004 0a000001
         c00e 0001 0001 00000000 0004 0a000001
         00 0001 0001 00000000 0004 0a000001`).toString('hex'),
  )
})

test('pointers that do not lead back, labels of other kinds, and names that grow are refused', () => {
  const head = '0001 0000 0001 0000 0000 0000'
  const bad = {
    'to itself': 'c00c 0001 0001',
    'to a later one': 'c00e 0161 00 0001 0001',
    'to its own beginning': '0161 c00c 0001 0001',
    'beyond the end': 'ffff 0001 0001',
    'half a pointer': 'c0',
    'an extended label': '4161 00 0001 0001',
    'no end': '0161',
  }
  for (const [what, question] of Object.entries(bad)) {
    assert.throws(() => parseMessage(hex(head + question)), DnsFormatError, what)
  }
  // 4 labels of 63 are 257 bytes; one byte less of a label each is possible.
  const long = (length: number): string =>
    `${head}${`${(0x100 + length).toString(16).slice(1)}${'61'.repeat(length)}`.repeat(4)}00 0001 0001`
  assert.throws(() => parseMessage(hex(long(63))), /too long/)
  assert.equal(parseMessage(hex(long(62))).questions[0]?.name.labels.length, 4)
})

test('counts that lie, bytes behind the end, a second OPT', () => {
  const lying = '0001 0000 ffff ffff ffff ffff'
  assert.throws(() => parseMessage(hex(lying)), DnsFormatError)
  assert.throws(() => parseMessage(hex('0001 0000 0000 0000 0000 0000 00')), /behind/)
  const opt = '00 0029 1000 00000000 0000'
  const edns = parseMessage(hex(`0001 0000 0000 0000 0000 0001 ${opt}`)).edns
  assert.deepEqual(edns, { udpBytesMax: 4096, version: 0, isDnssecOk: false })
  assert.throws(() => parseMessage(hex(`0001 0000 0000 0000 0000 0002 ${opt}${opt}`)), /OPT/)
  assert.throws(() => parseMessage(hex(`0001 0000 0000 0001 0000 0000 ${opt}`)), /OPT/)
})

test('names: bounds, case, and labels with a dot in them', () => {
  assert.equal(createName(['a'.repeat(64)]), undefined)
  assert.equal(createName(['']), undefined)
  assert.equal(parseName('a..b'), undefined)
  assert.equal(parseName(`${'a.'.repeat(127)}b`), undefined)
  assert.equal(keyOf(named('Web.Consul.')), 'web.consul')
  const dotted = createName(['a.b'])
  assert.ok(dotted)
  assert.notEqual(keyOf(dotted), keyOf(named('a.b')))
})

test('the size of a service is known before it is written', () => {
  const writer = new MessageWriter(512)
  const target = named('c000020a.addr.dc1.consul')
  const owner = named('web.service.consul')
  writer.begin({ ...empty }, 512, OPT_BYTES)
  writer.question({ name: owner, type: TYPE.SRV, class: CLASS.IN })
  const before = writer.left
  writer.record('answers', owner, 0, { type: 'SRV', priority: 1, weight: 1, port: 80, target })
  assert.equal(before - writer.left, srvBytes(target))
})

const empty = {
  id: 1,
  isResponse: true,
  opcode: 0,
  isAuthoritative: true,
  isTruncated: false,
  isRecursionDesired: false,
  isRecursionAvailable: false,
  rcode: 0,
  questions: [],
  answers: [],
  authorities: [],
  additionals: [],
  edns: undefined,
} as const satisfies DnsMessage

function address(text: string): DnsRecord {
  const found: RecordData = { type: 'A', address: Uint8Array.of(10, 0, 0, 1) }
  return { name: named(text), class: CLASS.IN, ttlS: 0, data: found }
}
