import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HPACK, HpackDecoder } from './decoder.ts'
import { STATIC_BYTES, STATIC_COUNT, STATIC_OFFSETS } from './static-table.ts'

type Field = readonly [name: string, value: string]

/** All fields of a block, or what went wrong. */
function decode(decoder: HpackDecoder, hex: string, room = 65_536): Field[] | number {
  const block = Buffer.from(hex.replaceAll(/\s/g, ''), 'hex')
  const out = Buffer.alloc(room)
  const fields: Field[] = []
  decoder.begin(block, 0, block.length)
  for (;;) {
    const next = decoder.next(out, 0, out.length)
    if (next === HPACK.end) return fields
    if (next === HPACK.error) return next
    if (next === HPACK.tooLarge) continue
    const name = out.toString('latin1', 0, decoder.nameEnd)
    const value = out.toString('latin1', decoder.valueStart, decoder.valueEnd)
    assert.equal(out.toString('latin1', 0, next), `${name}: ${value}\r\n`)
    fields.push([name, value])
  }
}

/** `name: value` lines, as RFC 7541 appendix C writes them. */
function lines(text: string): Field[] {
  return text
    .trim()
    .split('\n')
    .map((line) => {
      const at = line.indexOf(': ', 1)
      return [line.slice(0, at).trim(), line.slice(at + 2)]
    })
}

const request1 = ':method: GET\n:scheme: http\n:path: /\n:authority: www.example.com'
const request2 = `${request1}\ncache-control: no-cache`
const request3 =
  ':method: GET\n:scheme: https\n:path: /index.html\n:authority: www.example.com\ncustom-key: custom-value'
const response1 =
  ':status: 302\ncache-control: private\ndate: Mon, 21 Oct 2013 20:13:21 GMT\nlocation: https://www.example.com'
const response2 = response1.replace('302', '307')
const response3 =
  ':status: 200\ncache-control: private\ndate: Mon, 21 Oct 2013 20:13:22 GMT\nlocation: https://www.example.com\ncontent-encoding: gzip\nset-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1'

test('RFC 7541 C.2: single fields', () => {
  const cases: readonly (readonly [hex: string, field: string])[] = [
    [
      '400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572',
      'custom-key: custom-header',
    ],
    ['040c 2f73 616d 706c 652f 7061 7468', ':path: /sample/path'],
    ['1008 7061 7373 776f 7264 0673 6563 7265 74', 'password: secret'],
    ['82', ':method: GET'],
  ]
  for (const [hex, field] of cases) {
    assert.deepEqual(decode(new HpackDecoder(4096), hex), lines(field))
  }
})

test('RFC 7541 C.3 and C.4: requests, without and with Huffman', () => {
  const plain = [
    '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
    '8286 84be 5808 6e6f 2d63 6163 6865',
    '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
  ]
  const huffman = [
    '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff',
    '8286 84be 5886 a8eb 1064 9cbf',
    '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
  ]
  for (const blocks of [plain, huffman]) {
    const decoder = new HpackDecoder(4096)
    assert.deepEqual(decode(decoder, blocks[0]!), lines(request1))
    assert.deepEqual(decode(decoder, blocks[1]!), lines(request2))
    assert.deepEqual(decode(decoder, blocks[2]!), lines(request3))
  }
})

test('RFC 7541 C.5 and C.6: answers with a table of 256 bytes that evicts', () => {
  const plain = [
    '4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
    '4803 3330 37c1 c0bf',
    '88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31',
  ]
  const huffman = [
    '4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3',
    '4883 640e ffc1 c0bf',
    '88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07',
  ]
  for (const blocks of [plain, huffman]) {
    const decoder = new HpackDecoder(256)
    assert.deepEqual(decode(decoder, blocks[0]!), lines(response1))
    assert.deepEqual(decode(decoder, blocks[1]!), lines(response2))
    assert.deepEqual(decode(decoder, blocks[2]!), lines(response3))
  }
})

test('the static table is that of the standard', () => {
  const text = (index: number): string => {
    const [start, middle, end] = STATIC_OFFSETS.subarray(index * 3, index * 3 + 3)
    const latin1 = Buffer.from(STATIC_BYTES)
    return `${latin1.toString('latin1', start, middle)}=${latin1.toString('latin1', middle, end)}`
  }
  assert.equal(STATIC_COUNT, 61)
  assert.equal(text(1), ':authority=')
  assert.equal(text(16), 'accept-encoding=gzip, deflate')
  assert.equal(text(32), 'cookie=')
  assert.equal(text(61), 'www-authenticate=')
})

test('what is no block is an error, whatever room there is', () => {
  const cases: Readonly<Record<string, string>> = {
    'index 0': '80',
    'an index behind the table': 'be',
    'an index behind the table, as a name': '7f00 0161',
    'a name that does not end': '4005 61',
    'a value that does not end': '4001 6105 61',
    'no value': '4001 61',
    'an integer that does not end': 'ff',
    'an integer that is too large': 'ffff ffff ff7f',
    'an integer of many empty bytes': 'ff80 8080 8080 8080 00',
    'a table larger than announced': '3fe2 1f',
    'a size behind a field': '8220',
    'three sizes': '2020 20',
    'Huffman with EOS in it': '4001 6184 ffff ffff',
    'Huffman padded with zeros': '4001 6181 18',
    'Huffman padded with a whole byte': '4001 6182 1fff',
  }
  for (const [name, hex] of Object.entries(cases)) {
    assert.equal(decode(new HpackDecoder(4096), hex), HPACK.error, name)
    assert.equal(decode(new HpackDecoder(4096), hex, 4), HPACK.error, `${name}, no room`)
  }
})

test('a field without room is read all the same, so that the tables stay equal', () => {
  const decoder = new HpackDecoder(4096)
  const block = Buffer.from('400a637573746f6d2d6b65790d637573746f6d2d68656164657282be', 'hex')
  const out = Buffer.alloc(64)
  decoder.begin(block, 0, block.length)
  assert.equal(decoder.next(out, 0, 10), HPACK.tooLarge)
  assert.equal(decoder.next(out, 0, 64), ':method: GET\r\n'.length)
  assert.equal(decoder.next(out, 0, 10), HPACK.tooLarge)
  assert.equal(decoder.next(out, 0, 64), HPACK.end)
  decoder.begin(Buffer.from('be', 'hex'), 0, 1)
  const end = decoder.next(out, 0, 64)
  assert.equal(out.toString('latin1', 0, end), 'custom-key: custom-header\r\n')
})

test('a Huffman value that just fits is written, though its bound does not', () => {
  const decoder = new HpackDecoder(4096)
  const block = Buffer.from('4001618cf1e3c2e5f23a6ba0ab90f4ff', 'hex')
  const out = Buffer.alloc('a: www.example.com\r\n'.length)
  decoder.begin(block, 0, block.length)
  assert.equal(decoder.next(out, 0, out.length), out.length)
  assert.equal(out.toString('latin1'), 'a: www.example.com\r\n')
})

test('a table that is emptied and filled for long stays right', () => {
  const decoder = new HpackDecoder(128)
  for (let round = 0; round < 500; round++) {
    const value = `v${round}`
    const hex = Buffer.from(value).toString('hex')
    const block = `4001 61 0${value.length} ${hex} be`
    assert.deepEqual(decode(decoder, block), [
      ['a', value],
      ['a', value],
    ])
  }
})
