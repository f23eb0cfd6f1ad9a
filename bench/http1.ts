import { availableParallelism, cpus } from 'node:os'
import {
  type ResponseHead,
  createResponseHead,
  parseResponseHead,
} from '../src/mechanisms/http1/response-head.ts'
import {
  type RequestHead,
  createRequestHead,
  parseRequestHead,
} from '../src/mechanisms/http1/request-head.ts'
import {
  createRequestRewrite,
  createResponseRewrite,
  writeRequestHead,
  writeResponseHead,
} from '../src/mechanisms/http1/write-head.ts'

/**
 * Nanoseconds of CPU to parse and to write a typical head, the least of several rounds: `node bench/http1.ts [rounds]`.
 * The request has twelve browser headers and a 700-byte bearer token, the response what an application server answers.
 */
const ROUNDS = Number(process.argv[2] ?? 7)
const PER_ROUND = 100_000
const LIMITS = { requestLineBytesMax: 8192, headBytesMax: 32_768 }

const REQUEST_LINES = [
  'GET /api/orders/4711?expand=items&page=2 HTTP/1.1',
  'Host: shop.example.com',
  'Connection: keep-alive',
  'sec-ch-ua: "Chromium";v="140", "Not=A?Brand";v="24", "Google Chrome";v="140"',
  'sec-ch-ua-mobile: ?0',
  'sec-ch-ua-platform: "Linux"',
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
  'Accept: application/json, text/plain, */*',
  'Sec-Fetch-Site: same-origin',
  'Sec-Fetch-Mode: cors',
  'Referer: https://shop.example.com/orders',
  'Accept-Encoding: gzip, deflate, br, zstd',
  'Accept-Language: en-GB,en;q=0.9,de;q=0.8',
  `Authorization: Bearer ${'eyJhbGciOiJSUzI1NiJ9.'.padEnd(693, 'abcdefghijKLMNOP0123')}`,
]
const RESPONSE_LINES = [
  'HTTP/1.1 200 OK',
  'Server: nginx/1.22.1',
  'Date: Sun, 22 Nov 2026 12:00:00 GMT',
  'Content-Type: application/json; charset=utf-8',
  'Content-Length: 1024',
  'Connection: keep-alive',
  'Cache-Control: private, max-age=0',
  'ETag: W/"400-abcdefghijklmnop"',
  'Vary: Accept-Encoding',
]

interface Measured {
  readonly name: string
  readonly bytes: number
  readonly run: () => number
}

const requestBytes = Buffer.from(`${REQUEST_LINES.join('\r\n')}\r\n\r\n`, 'latin1')
const responseBytes = Buffer.from(`${RESPONSE_LINES.join('\r\n')}\r\n\r\n`, 'latin1')
const plainBytes = Buffer.from('GET /orders HTTP/1.1\r\nHost: shop.example.com\r\n\r\n', 'latin1')
const out = Buffer.alloc(65_536)

function parseRequest(bytes: Buffer, head: RequestHead): number {
  return parseRequestHead(bytes, 0, bytes.length, LIMITS, head)
}

function parseResponse(bytes: Buffer, head: ResponseHead): number {
  return parseResponseHead(bytes, 0, bytes.length, LIMITS, head, 'GET')
}

function requestCases(name: string, bytes: Buffer): Measured[] {
  const head = createRequestHead(100)
  const rewrite = createRequestRewrite()
  rewrite.fixedLines = Buffer.from(
    'x-forwarded-for: 192.0.2.7\r\nx-forwarded-proto: https\r\nforwarded: for=192.0.2.7;proto=https\r\n',
  )
  let request = 0
  const parseAndWrite = (): number => {
    parseRequest(bytes, head)
    request++
    rewrite.lines = `x-request-id: 01jd8x0000-${request}\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n`
    return writeRequestHead(head, bytes, out, 0, rewrite)
  }
  return [
    { name: `${name}: parse`, bytes: bytes.length, run: () => parseRequest(bytes, head) },
    { name: `${name}: parse + rewrite`, bytes: bytes.length, run: parseAndWrite },
  ]
}

function responseCases(): Measured[] {
  const head = createResponseHead(100)
  const rewrite = createResponseRewrite()
  const parseAndWrite = (): number => {
    parseResponse(responseBytes, head)
    rewrite.lines = 'x-request-id: 01jd8x0000000000000000\r\n'
    return writeResponseHead(head, responseBytes, out, 0, rewrite)
  }
  const bytes = responseBytes.length
  return [
    { name: 'response: parse', bytes, run: () => parseResponse(responseBytes, head) },
    { name: 'response: parse + rewrite', bytes, run: parseAndWrite },
  ]
}

function nanosecondsEach(run: () => number): number {
  let least = Number.POSITIVE_INFINITY
  let total = 0
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.cpuUsage()
    for (let i = 0; i < PER_ROUND; i++) total += run()
    const { user, system } = process.cpuUsage(start)
    least = Math.min(least, ((user + system) * 1000) / PER_ROUND)
  }
  if (total <= 0) throw new Error('the benchmark parsed nothing')
  return least
}

const cases = [
  ...requestCases('browser request', requestBytes),
  ...requestCases('plain request', plainBytes),
  ...responseCases(),
]
const rows = cases.map(({ name, bytes, run }) => {
  const nanoseconds = nanosecondsEach(run)
  return {
    case: name,
    bytes,
    'ns/head': Math.round(nanoseconds),
    'ns/byte': Number((nanoseconds / bytes).toFixed(2)),
  }
})
console.log(
  `${cpus()[0]?.model ?? 'unknown CPU'}, ${availableParallelism()} cores, Node ${process.version}`,
)
console.table(rows)
