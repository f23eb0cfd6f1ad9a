import type { ListenerView } from '../../contracts/feed.ts'
import { createCidrSet } from '../../mechanisms/cidr/cidr.ts'
import type { Clock, Log, Problem } from '../capability.ts'
import { formatHostPort, isLoopbackHost, parseHostPort, urlOf } from '../config/addresses.ts'
import type { HostPort } from '../config/addresses.ts'
import type { SourceOf } from '../config/load.ts'
import type { MetricFamily } from '../metrics-text.ts'
import { ownEntry } from '../own-entry.ts'
import type { LeanOptions } from '../http/lean/options.ts'
import type { HttpOptions, SocketOptions, TcpOptions, UdpOptions } from './opening.ts'
import { allowedBlocks, wantedListener } from './table.ts'
import type { ListenerRow, ListenerTable, ListenSettings, Wanted } from './table.ts'
import { ListenerTakenError } from './taken-error.ts'
import type { OpenOptions, Opened } from './tcp.ts'

export interface BoardOptions {
  readonly table: ListenerTable
  readonly listen: ListenSettings
  readonly sourceOf: SourceOf
  readonly log: Log
  readonly clock: Clock
  /** Where any port will do: the one that a listener had before this process started. */
  readonly portsBefore: ReadonlyMap<string, number>
}

interface State {
  readonly row: ListenerRow
  readonly wanted: Wanted
  readonly opened: Opened | undefined
  /** Where another process of ours has opened it. */
  readonly elsewhere?: HostPort
  /** Empty when open; undefined while nobody has asked to open it. */
  readonly error: string | undefined
}

/** What is told of a listener of the data plane that has not answered yet. */
export const NOT_OPEN_YET = 'not open yet'

/** Every listener of the product: opened by the table and the file, and told in one place. */
export class ListenerBoard {
  readonly #options: BoardOptions
  readonly #states = new Map<string, State>()
  #ofData: () => readonly ListenerView[] = () => []

  constructor(options: BoardOptions) {
    this.#options = options
    for (const [name, row] of Object.entries(options.table)) {
      if (row.isOfData === true) continue
      const wanted = wantedListener(name, row, options.listen)
      const error = wanted.mode === 'off' ? 'off' : undefined
      this.#states.set(name, { row, wanted, opened: undefined, error })
    }
  }

  /** HTTP, on our one HTTP layer. */
  http(name: string, options: HttpOptions): Promise<Opened | undefined> {
    return this.#open(name, 'http', async (at) => {
      const { hosts = [], token, section, failure, elsewhere } = options
      this.#refuseUnguarded(name, at.host, token !== undefined)
      const { log } = this.#options
      const isPublicPath = options.isPublic === true ? () => true : undefined
      const open = isPublicPath === undefined ? {} : { isPublicPath }
      const all = { ...at, hosts, token, section, failure, elsewhere, log, ...open }
      if (options.isLazy === true) {
        const { openLazyListener } = await import('../http/lazy-listener.ts')
        return openLazyListener(all, (app) => options.register(app))
      }
      // Loaded only here: until the first HTTP listener opens, nobody waits for it.
      const { createListenerApp, openListener } = await import('../http/listener.ts')
      const app = createListenerApp(all)
      await options.register(app)
      const listener = await openListener(app, all)
      return {
        ...listener,
        connectionCount: () => listener.connections().open,
        refused() {
          const { closedSilent, refused } = listener.connections()
          return { silent: closedSilent, connections: refused }
        },
      }
    })
  }

  /** HTTP by our own codec, where thousands of requests wait. */
  lean(name: string, options: LeanOptions): Promise<Opened | undefined> {
    return this.#open(name, 'http', async (at) => {
      this.#refuseUnguarded(name, at.host, options.demandsCredentials)
      return (await import('../http/lean/lean.ts')).openLean(at, options, this.#options.log)
    })
  }

  /** An HTTP listener whose connections are handed over as they come. */
  sockets(name: string, options: SocketOptions): Promise<Opened | undefined> {
    return this.#open(name, 'http', async (at) => {
      this.#refuseUnguarded(name, at.host, options.demandsCredentials)
      const { openSockets, TCP_LIMITS } = await import('./tcp.ts')
      const limits = { ...TCP_LIMITS, ...options.limits }
      return openSockets(at, limits, (socket) => options.accept(socket))
    })
  }

  /** Raw connections. */
  tcp(name: string, options: TcpOptions): Promise<Opened | undefined> {
    return this.#open(name, 'tcp', async (at) => (await import('./tcp.ts')).openTcp(at, options))
  }

  /** Datagrams. */
  udp(name: string, options: UdpOptions): Promise<Opened | undefined> {
    return this.#open(name, 'udp', async (at) => (await import('./udp.ts')).openUdp(at, options))
  }

  /** Datagrams and connections at one port. */
  udpAndTcp(name: string, udp: UdpOptions, tcp: TcpOptions): Promise<Opened | undefined> {
    return this.#open(name, 'udp+tcp', async (at) => {
      const { openUdpAndTcp } = await import('./udp-and-tcp.ts')
      return openUdpAndTcp(at, udp, tcp)
    })
  }

  /** Another process of ours has opened a listener of the table, or says why it could not. */
  reportOfOther(name: string, address: HostPort, error: string): void {
    const state = this.#states.get(name)
    if (state === undefined || state.wanted.mode === 'off') return
    this.#states.set(name, { ...state, opened: undefined, elsewhere: address, error })
  }

  /** The data plane opens its listeners itself; they are told with all others. */
  reportOfData(views: () => readonly ListenerView[]): void {
    this.#ofData = views
  }

  /** All listeners, those of the data plane last. */
  views(): readonly ListenerView[] {
    const own = [...this.#states].flatMap(([name, state]) => this.#viewOf(name, state))
    return [...own, ...this.#ofData()]
  }

  /** What services find in their environment: only of listeners that are open. */
  variables(): Readonly<Record<string, string>> {
    const found = this.views().flatMap(({ id, address, error }) => {
      const row = ownEntry(this.#options.table, id)
      const at = error === '' ? parseHostPort(address) : undefined
      return at === undefined ? [] : Object.entries(row?.variables?.(at) ?? {})
    })
    return Object.fromEntries(found)
  }

  /** Closed listeners that nobody closed. */
  problems(): readonly Problem[] {
    return this.views()
      .filter(({ error }) => error !== '' && error !== 'off' && error !== NOT_OPEN_YET)
      .map(({ id, address, error }) => ({
        severity: 'warning',
        code: 'ERR_LISTENER_TAKEN',
        service: '',
        instance: '',
        key: id,
        text: `The listener ${id} on ${address} is closed: ${error}`,
      }))
  }

  /** Connections, and what limits have closed or refused. */
  metrics(): readonly MetricFamily[] {
    const opened = [...this.#states].flatMap(([listener, state]) =>
      state.opened === undefined ? [] : [{ listener, opened: state.opened }],
    )
    return [
      {
        name: 'backplane_listener_connections',
        help: 'Open connections of our own listeners.',
        type: 'gauge',
        samples: opened.map((one) => ({
          labels: { listener: one.listener },
          value: one.opened.connectionCount(),
        })),
      },
      {
        name: 'backplane_listener_refused_total',
        help: 'Connections and messages that met a limit of a listener, by its name.',
        type: 'counter',
        samples: opened.flatMap((one) =>
          Object.entries(one.opened.refused()).map(([limit, value]) => ({
            labels: { listener: one.listener, limit },
            value,
          })),
        ),
      },
    ]
  }

  async #open(
    name: string,
    protocol: ListenerRow['protocol'],
    open: (at: OpenOptions) => Promise<Opened>,
  ): Promise<Opened | undefined> {
    const state = this.#states.get(name)
    if (state?.row.protocol !== protocol) {
      throw new TypeError(`the table of listeners has no ${protocol} listener ${name}`)
    }
    if (state.wanted.mode === 'off') return undefined
    try {
      const opened = await this.#openAt(name, state.row, state.wanted.address, open)
      this.#states.set(name, { ...state, opened, error: '' })
      return opened
    } catch (error) {
      if (!(error instanceof ListenerTakenError) || state.wanted.mode === 'named') throw error
      this.#states.set(name, { ...state, error: error.message })
      return undefined
    }
  }

  /** Where any port will do, clients find the listener where it was. */
  async #openAt(
    name: string,
    row: ListenerRow,
    address: HostPort,
    open: (at: OpenOptions) => Promise<Opened>,
  ): Promise<Opened> {
    const mayConnect = admission(row, allowedBlocks(name, this.#options.listen))
    const { clock } = this.#options
    const before = address.port === 0 ? (this.#options.portsBefore.get(name) ?? 0) : 0
    if (before !== 0) {
      const again = await open({ name, ...address, port: before, mayConnect, clock }).catch(
        () => undefined,
      )
      if (again !== undefined) return again
    }
    return open({ name, ...address, mayConnect, clock })
  }

  /** The check of the file has seen that there is one: here a capability has forgotten to ask for it. */
  #refuseUnguarded(name: string, host: string, isGuarded: boolean): void {
    const access = this.#states.get(name)?.row.access
    if (typeof access !== 'object' || isLoopbackHost(host) || isGuarded) return
    throw new TypeError(`the listener ${name} beyond loopback asks for no token`)
  }

  #viewOf(name: string, { row, wanted, opened, elsewhere, error }: State): readonly ListenerView[] {
    if (error === undefined) return []
    const asked = wanted.mode === 'off' ? { host: '127.0.0.1', port: 0 } : wanted.address
    const { host, port } = opened ?? elsewhere ?? asked
    const scheme = row.protocol === 'udp+tcp' ? 'udp' : row.protocol
    return [
      {
        id: name,
        kind: row.kind ?? scheme,
        address: formatHostPort({ host, port }),
        url: urlOf({ host, port }, scheme),
        error,
        caller: '',
        service: '',
        source: this.#options.sourceOf(['listen', name]),
      },
    ]
  }
}

/** Loopback always may; others by the list, where the protocol knows no credentials. */
function admission(row: ListenerRow, blocks: readonly string[]): (address: string) => boolean {
  if (row.access !== 'addresses') return () => true
  const allowed = createCidrSet(blocks)
  return (address) => isLoopbackHost(address) || allowed.contains(address)
}
