const CONNECT = 'A reverse proxy opens no tunnels: CONNECT is refused with 501.'
const OTHER_PROTOCOL =
  'llhttp reads RTSP, ICE and HTTP/0.9 too; only HTTP/1.0 and HTTP/1.1 are spoken here.'
const FRAGMENT = 'A fragment is never sent (RFC 9112 section 3.2): "#" in a target is refused.'
const ODD_HOST =
  'Host "0.0.0.0=5000": sub-delims are refused in host names, no host in use has them.'
const CODINGS =
  'A response whose last coding is not chunked would be read until close; a coding that is not implemented is refused instead.'
const UPGRADE_BODY =
  'An upgrade with a body is no tunnel here: Upgrade is dropped (RFC 9110 section 7.8 lets a server ignore it) and what follows must be HTTP.'
const EMPTY_LINE =
  'Only a request may have an empty line before it (RFC 9112 section 2.2). Bytes between responses were not asked for, and answer nobody.'

/** Where we differ from llhttp's strict mode, and why. Keys are the ids of llhttp-cases.ts. */
export const expectedDifferences: Readonly<Record<string, string>> = {
  'request/connection.md: `upgrade` > Emitting part of body and pausing': UPGRADE_BODY,
  'request/connection.md: `upgrade` > Upgrade POST request': UPGRADE_BODY,
  'request/connection.md: `keep-alive` > CRLF between requests, implicit `keep-alive`':
    'At most one empty line is skipped before a request line (RFC 9112 section 2.2: "at least one"); these are two.',
  'request/invalid.md: HTTP protocol and ANNOUNCE method':
    'llhttp has a list of methods. Unknown ones in upper case are forwarded here: the upstream knows what it implements.',
  'request/method.md: CONNECT request': CONNECT,
  'request/method.md: CONNECT request with CAPS': CONNECT,
  'request/method.md: CONNECT with body': CONNECT,
  'request/uri.md: Underscore in hostname': CONNECT,
  'request/method.md: M-SEARCH request':
    'The asterisk form is only for OPTIONS (RFC 9112 section 3.2.4); SSDP is not HTTP over TCP.',
  'request/method.md: SOURCE request with ICE': OTHER_PROTOCOL,
  'request/method.md: OPTIONS request with RTSP': OTHER_PROTOCOL,
  'request/method.md: ANNOUNCE request with RTSP': OTHER_PROTOCOL,
  'request/sample.md: No HTTP version': OTHER_PROTOCOL,
  'response/sample.md: RTSP response': OTHER_PROTOCOL,
  'response/sample.md: ICE response': OTHER_PROTOCOL,
  'response/sample.md: HTTP version 0.9': OTHER_PROTOCOL,
  'request/method.md: PRI request HTTP2':
    'The preface of HTTP/2 is for a listener that speaks it; as HTTP/1.1 it is a request with an asterisk and no OPTIONS.',
  'request/sample.md: curl GET': ODD_HOST,
  'request/sample.md: Firefox GET': ODD_HOST,
  'request/transfer-encoding.md: POST with `chunked` as last transfer-encoding': `${FRAGMENT} And no coding but chunked is implemented: 501.`,
  'request/transfer-encoding.md: POST with `chunked` as last transfer-encoding (multiple headers)': `${FRAGMENT} And Transfer-Encoding twice is refused.`,
  'request/uri.md: Fragment in URI': FRAGMENT,
  'request/uri.md: `host:port` and basic auth':
    'User information in a target is refused (RFC 9110 section 4.2.4): it disguises the host.',
  'response/connection.md: HTTP 304 with Content-Length': EMPTY_LINE,
  'response/connection.md: HTTP 100 first, then 400': EMPTY_LINE,
  'response/pipelining.md: Should parse multiple events': EMPTY_LINE,
  'response/sample.md: Response starting with CRLF': EMPTY_LINE,
  'response/transfer-encoding.md: `chunked` before other transfer-encoding': CODINGS,
  'response/transfer-encoding.md: multiple transfer-encoding where chunked is not the last one':
    CODINGS,
  'response/transfer-encoding.md: `chunkedchunked` transfer-encoding does not enable chunked enconding':
    CODINGS,
}
