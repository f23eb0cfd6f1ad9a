import type { HostPort } from '../config/addresses.ts'
import type { SettingPath } from '../config/problems.ts'

/** One listener that the product may have, by its name in `listen`. The capability that owns it says it in its settings.ts. */
export interface ListenerRow {
  /** What arrives decides how it is opened, limited and refused. */
  readonly protocol: 'http' | 'tcp' | 'udp' | 'udp+tcp'
  /** Port on 127.0.0.1 where the file names none. */
  readonly port: number
  /** A few words for the settings page: `HTTP for clients`. */
  readonly about: string
  /** How the console and the commands call it; default: its protocol. */
  readonly kind?: 'gateway' | 'console'
  /**
   * Who may come from beyond this machine: everybody, who has a token (and where its setting is), or the addresses that
   * `listen.from` lists, for a protocol that knows no credentials.
   */
  readonly access: 'public' | 'addresses' | { readonly token: SettingPath }
  /** What whoever reaches it can do, for the sentence that refuses it without a lock. */
  readonly power?: string
  /** The section of the file without which it stays off. */
  readonly section?: string
  /** The data plane opens it, and a reload moves it. All others are opened once, by `Scope.listeners`. */
  readonly isOfData?: true
  /** What services find in their environment while it is open. */
  variables?(address: HostPort): Readonly<Record<string, string>>
}

/** Every listener by its name in `listen`. */
export type ListenerTable = Readonly<Record<string, ListenerRow>>

/** A port that something of the configuration will listen on. */
export interface PortClaim {
  readonly path: SettingPath
  /** As the problem calls it: `the service orders`. */
  readonly name: string
  readonly address: HostPort
}

/** The part of the file that says where listeners are. */
export interface ListenSettings {
  /** off closes every listener that is not named. */
  readonly default: 'auto' | 'off'
  /** Address blocks that reach a listener without credentials, by its name. */
  readonly from?: Readonly<Record<string, readonly string[] | undefined>> | undefined
  readonly [name: string]: unknown
}

/** What the file wants of one listener. */
export type Wanted =
  | { readonly mode: 'off' }
  /** Nobody named it: where its port is taken it stays closed, and is told. */
  | { readonly mode: 'auto'; readonly address: HostPort }
  /** The file names it: that it cannot be opened is an error. */
  | { readonly mode: 'named'; readonly address: HostPort }

/** `off`, `auto` or named: the one place that decides it. */
export function wantedListener(name: string, row: ListenerRow, listen: ListenSettings): Wanted {
  const named = Object.hasOwn(listen, name)
    ? (listen[name] as HostPort | 'off' | undefined)
    : undefined
  if (named === 'off' || (named === undefined && listen.default === 'off')) return { mode: 'off' }
  if (named !== undefined) return { mode: 'named', address: named }
  return { mode: 'auto', address: { host: '127.0.0.1', port: row.port } }
}

/** The address blocks that may reach a listener from beyond this machine, where its protocol has no credentials. */
export function allowedBlocks(name: string, listen: ListenSettings): readonly string[] {
  const { from } = listen
  return from !== undefined && Object.hasOwn(from, name) ? (from[name] ?? []) : []
}
