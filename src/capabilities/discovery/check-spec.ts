/** How a check stands. */
export type CheckStatus = 'passing' | 'warning' | 'critical' | 'unknown'

/** How a check of an instance or a node finds out. */
export type CheckSpec = CheckNames &
  (
    | HttpCheckSpec
    | TcpCheckSpec
    | GrpcCheckSpec
    | ExecCheckSpec
    | UdpCheckSpec
    | H2PingCheckSpec
    | OsServiceCheckSpec
    | DockerCheckSpec
    | AliasCheckSpec
    /** Waits to be told; critical when nobody does for so long. */
    | { readonly kind: 'ttl'; readonly ttlMs: number }
    /** What the instance says of itself, without a deadline. */
    | { readonly kind: 'reported' }
  )

/** A check that is run from here, again and again. */
export type ActiveCheckSpec = Extract<CheckSpec, ActiveCheckTimes>

/** What every check may have. */
export interface CheckNames {
  /** Unique in its instance; default: the kind. */
  readonly id?: string
  /** The id is unique among all checks of the node, and found there without the instance. */
  readonly isUniqueOnNode?: boolean
  readonly name?: string
  readonly notes?: string
  /** Status until its first result. */
  readonly initially?: CheckStatus
  /** After being critical for so long without a break the instance is deregistered. Only of instances that were registered. */
  readonly deregisterAfterMs?: number
}

export interface ActiveCheckTimes {
  readonly intervalMs: number
  readonly timeoutMs: number
  /** Passing results in a row until it counts as passing. */
  readonly healthy: number
  /** Failing results in a row until it counts as failing. */
  readonly unhealthy: number
  /** Failing results in a row until it counts as a warning, before it counts as failing; default: never. */
  readonly warnAfter?: number
  /** For this long after the registration failures do not count, and it runs every 100 ms until the first success. */
  readonly startupMs: number
}

/** What is asked of TLS; absent: plain text. */
export interface CheckTls {
  /** The name that the certificate must have and that is sent as SNI; default: the host. */
  readonly serverName?: string
  /** Any certificate will do. */
  readonly skipVerify?: boolean
}

/**
 * A request of the instance: with `path` GET from its root, 200 to 399 passing and no redirect followed; with `url` whatever is said here, only
 * 200 to 299 passing (as Consul does it). 429 is a warning in both.
 */
export type HttpCheckSpec = ActiveCheckTimes & { readonly kind: 'http' } & (
    | { readonly path: string; readonly url?: undefined; readonly tls?: CheckTls }
    | {
        readonly url: string
        readonly path?: undefined
        readonly method?: string
        readonly headers?: Readonly<Record<string, readonly string[]>>
        readonly body?: string
        readonly tls?: CheckTls
        /** Default: up to ten redirects are followed. */
        readonly disableRedirects?: boolean
      }
  )

/** Passing when a connection is accepted, and the handshake is done where TLS is asked for. */
export interface TcpCheckSpec extends ActiveCheckTimes {
  readonly kind: 'tcp'
  /** host:port; default: the instance. */
  readonly address?: string
  readonly tls?: CheckTls
}

/** Passing when `grpc.health.v1.Health/Check` answers SERVING. */
export interface GrpcCheckSpec extends ActiveCheckTimes {
  readonly kind: 'grpc'
  /** host:port; default: the instance. */
  readonly address?: string
  /** The name that is asked for; default: the server as a whole. */
  readonly grpcService?: string
  readonly tls?: CheckTls
}

/** Runs a program here, without a shell. */
export interface ExecCheckSpec extends ActiveCheckTimes {
  readonly kind: 'exec'
  readonly argv: readonly string[]
  readonly cwd?: string
  /** Complete environment, to which HOST and PORT of the instance are added; default: only PATH. */
  readonly env?: Readonly<Record<string, string>>
}

/** Passing unless the port is closed: UDP promises no answer. */
export interface UdpCheckSpec extends ActiveCheckTimes {
  readonly kind: 'udp'
  /** host:port; default: the instance. */
  readonly address?: string
}

/** Passing when an HTTP/2 PING is answered. */
export interface H2PingCheckSpec extends ActiveCheckTimes {
  readonly kind: 'h2ping'
  /** host:port; default: the instance. */
  readonly address?: string
  readonly tls?: CheckTls
}

/** Passing when systemd calls the unit active. */
export interface OsServiceCheckSpec extends ActiveCheckTimes {
  readonly kind: 'os-service'
  readonly unit: string
}

/** Runs a program in a container of Docker, without a shell. */
export interface DockerCheckSpec extends ActiveCheckTimes {
  readonly kind: 'docker'
  readonly container: string
  readonly argv: readonly string[]
}

/** Stands as another instance does, or a node where no instance is named. */
export interface AliasCheckSpec {
  readonly kind: 'alias'
  readonly node: string
  /** Its id on the node. */
  readonly aliasOf?: string
}
