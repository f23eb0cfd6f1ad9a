import {
  SMUGGLED,
  type SmugglingVector,
  expected,
  get,
  one,
  post,
  refused,
  thenRefused,
} from './vector.ts'

const END = '0\r\n\r\n'
const GET = { method: 'GET' }

const connection: readonly SmugglingVector[] = [
  refused(
    'Connection',
    'connection-content-length',
    'CONNECTION',
    post(['Content-Length: 5', 'Connection: content-length'], 'abcde'),
  ),
  refused(
    'Connection',
    'connection-transfer-encoding',
    'CONNECTION',
    post(['Transfer-Encoding: chunked', 'Connection: close, Transfer-Encoding'], END),
  ),
  refused('Connection', 'connection-host', 'CONNECTION', get(['Connection: Host'])),
  refused('Connection', 'connection-quoted', 'CONNECTION', get(['Connection: "close"'])),
  refused('Connection', 'connection-semicolon', 'CONNECTION', get(['Connection: close;'])),
  refused(
    'Connection',
    'connection-space-list',
    'CONNECTION',
    get(['Connection: close keep-alive']),
  ),
  refused(
    'Connection',
    'connection-many-names',
    'CONNECTION',
    get([`Connection: ${Array.from({ length: 40 }, (_, i) => `x-${i}`).join(',')}`]),
  ),
  one(
    'Connection',
    'connection-authorization-stays',
    get(['Authorization: Bearer a', 'Connection: authorization']),
    { ...GET, present: [['authorization', 'Bearer a']] },
  ),
  one(
    'Connection',
    'connection-cookie-stays',
    get(['Cookie: a=b', 'Connection: cookie, cache-control']),
    { ...GET, present: [['cookie', 'a=b']] },
  ),
  one(
    'Connection',
    'connection-private-name',
    get(['X-Private: 1', 'Connection: x-private', 'X-Public: 2']),
    {
      ...GET,
      absent: ['x-private'],
      present: [['x-public', '2']],
    },
  ),
  one(
    'Connection',
    'connection-keep-alive-dropped',
    get(['Connection: keep-alive', 'Keep-Alive: timeout=5', 'Proxy-Connection: keep-alive']),
    {
      ...GET,
      absent: ['keep-alive', 'proxy-connection'],
    },
  ),
  one(
    'Connection',
    'proxy-credentials-dropped',
    get(['Proxy-Authorization: Basic YTpi', 'Proxy-Authenticate: Basic']),
    {
      ...GET,
      absent: ['proxy-authorization', 'proxy-authenticate'],
    },
  ),
]

const trust: readonly SmugglingVector[] = [
  ['forwarded', 'Forwarded: for=127.0.0.1'],
  ['x-forwarded-port', 'X-Forwarded-Port: 443'],
  ['x-forwarded-prefix', 'X-Forwarded-Prefix: /admin'],
  ['x-forwarded-server', 'X-FORWARDED-SERVER: b.example'],
  ['x-real-ip', 'X-Real-IP: 127.0.0.1'],
  ['x_forwarded_for', 'X_Forwarded_For: 127.0.0.1'],
  ['x-forwarded_for', 'X-Forwarded_For: 127.0.0.1'],
  ['x.forwarded.for', 'X.Forwarded.For: 127.0.0.1'],
  ['x_forwarded_anything', 'X_Forwarded_Anything: 1'],
  ['x_real_ip', 'X_Real_IP: 127.0.0.1'],
  ['proxy', 'Proxy: http://b.example'],
  ['proxy_authorization', 'Proxy_Authorization: Basic YTpi'],
].map(([name, line]) =>
  one('trust header', `trust-${name}`, get([line!, 'X-A: 1']), {
    ...GET,
    absent: [name!],
    present: [['x-a', '1']],
  }),
)

const upgrade: readonly SmugglingVector[] = [
  one(
    'Upgrade',
    'upgrade-h2c',
    get([
      'Connection: Upgrade, HTTP2-Settings',
      'Upgrade: h2c',
      'HTTP2-Settings: AAMAAABkAARAAAAA',
    ]),
    {
      ...GET,
      absent: ['upgrade', 'http2-settings'],
    },
  ),
  one('Upgrade', 'upgrade-without-connection', get(['Upgrade: websocket']), {
    ...GET,
    absent: ['upgrade'],
  }),
  one('Upgrade', 'upgrade-list', get(['Connection: upgrade', 'Upgrade: websocket, h2c']), {
    ...GET,
    absent: ['upgrade'],
  }),
  one(
    'Upgrade',
    'upgrade-twice',
    get(['Connection: upgrade', 'Upgrade: websocket', 'Upgrade: h2c']),
    { ...GET, absent: ['upgrade'] },
  ),
  one(
    'Upgrade',
    'upgrade-with-body',
    post(['Connection: upgrade', 'Upgrade: websocket', 'Content-Length: 5'], 'abcde'),
    { body: 'abcde', absent: ['upgrade'] },
  ),
  one(
    'Upgrade',
    'upgrade-http10',
    'GET / HTTP/1.0\r\nHost: a.example\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n',
    { ...GET, absent: ['upgrade'] },
  ),
]

const expect: readonly SmugglingVector[] = [
  refused(
    'Expect',
    'expect-other',
    'EXPECTATION',
    post(['Expect: 200-ok', 'Content-Length: 5'], 'abcde'),
  ),
  refused(
    'Expect',
    'expect-list',
    'EXPECTATION',
    post(['Expect: 100-continue, x', 'Content-Length: 5'], 'abcde'),
  ),
  refused(
    'Expect',
    'expect-prefix',
    'EXPECTATION',
    post(['Expect: y 100-continue', 'Content-Length: 5'], 'abcde'),
  ),
  refused(
    'Expect',
    'expect-parameter',
    'EXPECTATION',
    post(['Expect: 100-continue;q=1', 'Content-Length: 5'], 'abcde'),
  ),
  refused('Expect', 'expect-empty', 'EXPECTATION', post(['Expect:', 'Content-Length: 5'], 'abcde')),
  refused(
    'Expect',
    'expect-twice',
    'EXPECTATION',
    post(['Expect: 100-continue', 'Expect: 100-continue', 'Content-Length: 5'], 'abcde'),
  ),
  one(
    'Expect',
    'expect-continue-length',
    post(['Expect: 100-continue', 'Content-Length: 5'], 'abcde'),
    { body: 'abcde' },
  ),
  one(
    'Expect',
    'expect-continue-chunked',
    post(['Expect: 100-Continue', 'Transfer-Encoding: chunked'], `5\r\nabcde\r\n${END}`),
    { body: 'abcde' },
  ),
  one('Expect', 'expect-continue-no-body', get(['Expect: 100-continue']), {
    ...GET,
    absent: ['expect'],
  }),
]

const bodies: readonly SmugglingVector[] = [
  one('body where none is usual', 'get-with-length', get(['Content-Length: 5'], 'abcde'), {
    ...GET,
    body: 'abcde',
  }),
  one(
    'body where none is usual',
    'get-with-chunks',
    get(['Transfer-Encoding: chunked'], `5\r\nabcde\r\n${END}`),
    { ...GET, body: 'abcde' },
  ),
  one(
    'body where none is usual',
    'delete-with-length',
    post(['Content-Length: 5'], 'abcde').replace('POST', 'DELETE'),
    { method: 'DELETE', body: 'abcde' },
  ),
  one(
    'body where none is usual',
    'get-length-is-request',
    get([`Content-Length: ${SMUGGLED.length}`], SMUGGLED),
    { ...GET, body: SMUGGLED },
  ),
  one('body where none is usual', 'length-zero', post(['Content-Length: 0']), {
    present: [['content-length', '0']],
  }),
  one('body where none is usual', 'length-leading-zeros', post(['Content-Length: 0005'], 'abcde'), {
    body: 'abcde',
    present: [['content-length', '5']],
  }),
  {
    id: 'pipelined-behind-length',
    class: 'pipelining',
    bytes: post(['Content-Length: 5'], `abcde${SMUGGLED}`),
    messages: [expected({ body: 'abcde' }), expected({ ...GET, target: '/smuggled' })],
  },
  {
    id: 'pipelined-behind-zero-length',
    class: 'pipelining',
    bytes: post(['Content-Length: 0'], SMUGGLED),
    messages: [expected({}), expected({ ...GET, target: '/smuggled' })],
  },
  {
    id: 'pipelined-behind-chunks',
    class: 'pipelining',
    bytes: post(['Transfer-Encoding: chunked'], `1\r\na\r\n${END}${SMUGGLED}`),
    messages: [expected({ body: 'a' }), expected({ ...GET, target: '/smuggled' })],
  },
  {
    id: 'pipelined-behind-get',
    class: 'pipelining',
    bytes: get([]) + SMUGGLED,
    messages: [expected(GET), expected({ ...GET, target: '/smuggled' })],
  },
  thenRefused(
    'pipelining',
    'zero-chunk-prefix',
    post(['Content-Length: 0'], END + SMUGGLED),
    {},
    'METHOD',
  ),
  thenRefused('pipelining', 'zero-chunk-behind-get', get([], END + SMUGGLED), GET, 'METHOD'),
  thenRefused(
    'pipelining',
    'length-too-short',
    post(['Content-Length: 3'], 'abcde'),
    { body: 'abc' },
    'METHOD',
  ),
  thenRefused('pipelining', 'body-without-framing', post([], 'x=1'), {}, 'METHOD'),
]

const te: readonly SmugglingVector[] = [
  one('TE', 'te-trailers-kept', get(['TE: trailers', 'Connection: TE']), {
    ...GET,
    present: [['te', 'trailers']],
  }),
  one('TE', 'te-others-dropped', get(['TE: gzip, deflate;q=0.5', 'Connection: te']), {
    ...GET,
    absent: ['te'],
  }),
  one('TE', 'te-mixed', get(['TE: gzip, Trailers', 'Connection: te']), {
    ...GET,
    present: [['te', 'trailers']],
  }),
]

/** Vectors about what is of one hop only, what is trusted, and where a message ends. */
export const hopVectors: readonly SmugglingVector[] = [
  ...connection,
  ...trust,
  ...upgrade,
  ...expect,
  ...bodies,
  ...te,
]
