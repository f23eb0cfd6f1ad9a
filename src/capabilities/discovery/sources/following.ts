import { Resolver } from 'node:dns/promises'
import type { Clock, Log, Random, Scope } from '../../../platform/capability.ts'
import type { SetAside } from '../../../platform/storage/set-aside.ts'
import type { Storage } from '../../../platform/storage/storage.ts'
import type { Settings } from '../../../settings.ts'
import type { Discovery } from '../api.ts'
import { readStoredRows } from '../read-rows.ts'
import { sourcesOf, type SourceSettings } from '../source-settings.ts'
import { createConsulSource } from './consul.ts'
import { createDnsSource } from './dns.ts'
import { Follower, type SourceView } from './follower.ts'
import type { Source, Target } from './source.ts'
import { createFileSource, createHttpSource } from './target-groups.ts'

export interface FollowingGround extends Pick<Scope, 'clock' | 'random' | 'log'> {
  readonly storage: Storage
  readonly setAside: SetAside
  readonly registry: Pick<Discovery, 'putInstance' | 'removeInstance' | 'reportCheck'>
}

interface Kept {
  readonly follower: Follower
  /** Ends the following and takes the instances away. */
  end(): Promise<void>
}

/** All sources of all services, as the file names them. */
export class Following {
  readonly #clock: Clock
  readonly #random: Random
  readonly #log: Log
  readonly #ground: FollowingGround
  readonly #kept = new Map<string, Kept>()
  /** What sources named before this start, by their key. */
  readonly #stored = new Map<string, readonly Target[]>()
  /** Ids that each source has put. */
  readonly #ids = new Map<string, ReadonlySet<string>>()
  #changing: Promise<void> = Promise.resolve()

  constructor(ground: FollowingGround) {
    this.#ground = ground
    this.#clock = ground.clock
    this.#random = ground.random
    this.#log = ground.log
  }

  /** What was known before a restart is kept while a source cannot be reached. */
  async restore(): Promise<void> {
    await readStoredRows(this.#ground, 'discovery_followed', ['source'], (row) => {
      const targets: unknown = JSON.parse(String(row['body']))
      if (!Array.isArray(targets)) throw new TypeError('its body is no list')
      this.#stored.set(String(row['source']), targets as readonly Target[])
    })
  }

  /** A difference to what is followed: what stays goes on as it is. */
  configure(services: Settings['services'], folder: string): void {
    const wanted = new Map(
      Object.entries(services).flatMap(([service, { discover }]) =>
        sourcesOf(discover).map((settings, priority) => {
          const { token: _secret, ...rest } = settings
          const key = JSON.stringify([service, priority, rest])
          return [key, { service, priority, settings }] as const
        }),
      ),
    )
    for (const [key, kept] of this.#kept) {
      if (wanted.has(key)) continue
      this.#kept.delete(key)
      this.#changing = Promise.all([this.#changing, kept.end(), this.#forget(key)]).then(() => {})
    }
    for (const [key, { service, priority, settings }] of wanted) {
      if (this.#kept.has(key)) continue
      const source = createSource(service, settings, folder)
      this.#kept.set(key, this.#follow(key, { service, priority, source, settings }))
    }
  }

  views(): readonly SourceView[] {
    return [...this.#kept.values()].map(({ follower }) => follower.view())
  }

  /** The instances stay: whoever restarts finds them. */
  async close(): Promise<void> {
    await this.#changing
    await Promise.all([...this.#kept.values()].map(({ follower }) => follower.close()))
  }

  #follow(
    key: string,
    one: {
      readonly service: string
      readonly priority: number
      readonly source: Source
      readonly settings: SourceSettings
    },
  ): Kept {
    const { service, priority, source, settings } = one
    const name = priority === 0 ? source.kind : `${source.kind}-${priority + 1}`
    const known = this.#stored.get(key) ?? []
    this.#stored.delete(key)
    const follower = new Follower({
      service,
      priority,
      source,
      known,
      emptyAfterMs: settings.emptyAfter,
      clock: this.#clock,
      random: this.#random,
      log: this.#log,
      apply: (targets) => {
        this.#apply({ service, name, priority }, targets)
        void this.#store(key, targets)
      },
    })
    return {
      follower,
      end: async () => {
        await follower.close()
        this.#apply({ service, name, priority }, [])
      },
    }
  }

  #apply(
    { service, name, priority }: { service: string; name: string; priority: number },
    targets: readonly Target[],
  ): void {
    const { registry } = this.#ground
    const of = `${service} ${name}`
    const before = this.#ids.get(of) ?? new Set<string>()
    const now = new Set(targets.map(({ id }) => `${name}/${id}`))
    for (const id of before) if (!now.has(id)) registry.removeInstance(service, id)
    this.#ids.set(of, now)
    for (const { id: own, host, port, tags, meta, weights, status } of targets) {
      const id = `${name}/${own}`
      registry.putInstance(
        {
          service,
          id,
          host,
          port,
          node: host,
          priority,
          ...(tags === undefined ? {} : { tags }),
          ...(meta === undefined ? {} : { meta }),
          ...(weights === undefined ? {} : { weight: weights }),
        },
        {
          origin: 'followed',
          source: name,
          ...(status === undefined
            ? {}
            : { checks: [{ kind: 'reported', id: name }], initially: status }),
        },
      )
      if (status !== undefined) registry.reportCheck(service, id, name, status, '')
    }
  }

  async #store(key: string, targets: readonly Target[]): Promise<void> {
    const sql = 'INSERT OR REPLACE INTO discovery_followed (source, body) VALUES (?, ?)'
    await this.#write({ sql, params: [key, JSON.stringify(targets)] })
  }

  async #forget(key: string): Promise<void> {
    await this.#write({ sql: 'DELETE FROM discovery_followed WHERE source = ?', params: [key] })
  }

  async #write(statement: Parameters<Storage['write']>[0][number]): Promise<void> {
    try {
      await this.#ground.storage.write([statement])
    } catch (error) {
      // It is there, and only a restart would miss it.
      this.#log('warn', 'what a source names could not be stored', { error })
    }
  }
}

function createSource(service: string, settings: SourceSettings, folder: string): Source {
  const { consul, dns, file, http, interval: intervalMs } = settings
  const token = typeof settings.token === 'string' ? settings.token : undefined
  if (consul !== undefined) {
    const { tag, datacenter } = settings
    return createConsulSource({
      url: consul,
      service: settings.service ?? service,
      token,
      tag,
      datacenter,
    })
  }
  if (dns !== undefined) {
    const { port, resolver: server } = settings
    return createDnsSource(
      { name: dns, port, server, intervalMs },
      new Resolver({ timeout: 5_000 }),
    )
  }
  if (file !== undefined) return createFileSource({ file, intervalMs }, folder)
  return createHttpSource({ url: http ?? '', token, intervalMs })
}
