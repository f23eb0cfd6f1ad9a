/** What an answer that the gateway makes itself says: the stable code is in the header `backplane-reason`, the body, the log and the metrics. */
export interface Reason {
  readonly status: number
  readonly title: string
}

/**
 * Every reason of the gateway's own answers, and of requests that ended after the head of the response was sent (those with status 0,
 * or with one that came too late to be seen). Refusals of the codec (`ERR_HTTP1_...`) have their own table in mechanisms/http1.
 */
export const REASONS = {
  ERR_GATEWAY_HOST_UNKNOWN: {
    status: 421,
    title: 'The listener does not answer to this host name',
  },
  ERR_GATEWAY_ORIGIN_FOREIGN: { status: 403, title: 'A page of another origin made the request' },
  ERR_GATEWAY_ROUTE_NOT_FOUND: { status: 404, title: 'No route matches the request' },
  ERR_GATEWAY_METHOD_NOT_ALLOWED: { status: 405, title: 'The route does not take this method' },
  ERR_GATEWAY_PATH_AMBIGUOUS: { status: 400, title: 'The path can be read in two ways' },
  ERR_GATEWAY_SERVICE_UNKNOWN: { status: 503, title: 'The service of the route does not exist' },
  ERR_GATEWAY_NO_INSTANCE: { status: 503, title: 'The service has no routable instance' },
  ERR_GATEWAY_BREAKER_OPEN: { status: 503, title: 'The breaker of the service is open' },
  ERR_GATEWAY_OVERLOADED: { status: 503, title: 'The service has as many requests as it may have' },
  ERR_GATEWAY_PENDING_FULL: { status: 503, title: 'Too many requests wait for a connection' },
  ERR_GATEWAY_REQUESTS_FULL: { status: 503, title: 'Too many requests are in flight' },
  ERR_GATEWAY_CONNECTIONS_FULL: { status: 503, title: 'Too many client connections are open' },
  ERR_GATEWAY_RESOURCES: {
    status: 503,
    title: 'The gateway has no file descriptor or memory left',
  },
  ERR_GATEWAY_CONNECT_FAILED: { status: 502, title: 'No connection to an instance' },
  ERR_GATEWAY_UPSTREAM_TLS: { status: 502, title: 'No TLS connection to an instance' },
  ERR_GATEWAY_CONNECT_TIMEOUT: { status: 504, title: 'An instance did not accept in time' },
  ERR_GATEWAY_ATTEMPT_TIMEOUT: { status: 504, title: 'An instance did not answer in time' },
  ERR_GATEWAY_TIMEOUT: { status: 504, title: 'The total deadline of the request passed' },
  ERR_GATEWAY_UPSTREAM_RESET: { status: 502, title: 'The instance closed without an answer' },
  ERR_GATEWAY_BAD_RESPONSE: { status: 502, title: 'The instance sent an invalid answer' },
  ERR_GATEWAY_RETRY_LOST: {
    status: 503,
    title: 'An answer was given up for a further attempt, and there was none',
  },
  ERR_GATEWAY_RESPONSE_HEAD_TOO_LARGE: {
    status: 502,
    title: 'The head of the answer is larger than the limit',
  },
  ERR_GATEWAY_UPSTREAM_BROKE_OFF: { status: 502, title: 'The answer broke off in the middle' },
  ERR_GATEWAY_UPSTREAM_STALLED: { status: 504, title: 'The instance did not move on in time' },
  ERR_GATEWAY_HEAD_TIMEOUT: { status: 408, title: 'The request head did not come in time' },
  ERR_GATEWAY_BODY_TIMEOUT: { status: 408, title: 'The body did not move on in time' },
  ERR_GATEWAY_BODY_TOO_LARGE: { status: 413, title: 'The body is larger than the limit' },
  ERR_GATEWAY_PROXY_PROTOCOL: {
    status: 400,
    title: 'The PROXY protocol header is missing or invalid',
  },
  ERR_GATEWAY_TLS_EXPECTED: { status: 400, title: 'This port speaks HTTPS' },
  ERR_GATEWAY_CLIENT_CERTIFICATE_MISSING: {
    status: 403,
    title: 'The route demands a certificate of the client',
  },
  ERR_GATEWAY_CLIENT_CERTIFICATE_REFUSED: {
    status: 403,
    title: 'The certificate of the client is not one that the route believes',
  },
  ERR_GATEWAY_CLIENT_NOT_ASKED: {
    status: 421,
    title: 'The connection was made for a host that asks for no certificate',
  },
  ERR_GATEWAY_GRPC_WEB_TEXT: { status: 400, title: 'The body of a call of gRPC-web is no base64' },
  ERR_GATEWAY_DEFECT: { status: 500, title: 'A defect of the gateway ended the request' },
  ERR_GATEWAY_CLIENT_STALLED: { status: 0, title: 'The client did not read its answer in time' },
  ERR_GATEWAY_RATE_LIMITED: { status: 429, title: 'Too many requests within a time' },
  ERR_GATEWAY_UNAUTHENTICATED: { status: 401, title: 'Credentials are missing or not valid' },
  ERR_GATEWAY_FORBIDDEN: { status: 403, title: 'The credentials are not enough for this route' },
  ERR_GATEWAY_AUTH_UNAVAILABLE: { status: 503, title: 'Credentials cannot be checked now' },
  ERR_GATEWAY_QUOTA_EXCEEDED: { status: 429, title: 'The quota of this period is used up' },
  ERR_GATEWAY_ADDRESS_REFUSED: { status: 403, title: 'This address may not call the route' },
  ERR_GATEWAY_FAULT: { status: 503, title: 'The answer is a fault on purpose' },
  ERR_GATEWAY_CORS_REFUSED: { status: 403, title: 'Pages of this origin may not call the route' },
  ERR_GATEWAY_REDIRECT_HOST: { status: 400, title: 'The redirect needs the host of the request' },
  ERR_GATEWAY_CLIENT_ABORTED: { status: 0, title: 'The client went away' },
} as const satisfies Record<string, Reason>

export type ReasonCode = keyof typeof REASONS
