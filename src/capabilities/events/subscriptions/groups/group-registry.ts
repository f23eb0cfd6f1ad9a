import { randomUUID } from 'node:crypto'
import { EventsError } from '../../errors.ts'
import type { EventStore } from '../../store.ts'
import { Group, type GroupNeeds } from './group.ts'
import { checkName, checkSource } from '../../store.ts'
import { metadataStreamOf } from '../../model.ts'
import {
  GROUP_DEFAULTS,
  groupSource,
  groupStream,
  type GroupConfig,
  type GroupSettings,
} from './group-model.ts'

/** Groups of one store. */
export const GROUPS_MAX = 1_000
const CONFIG_STREAM = '$persistentSubscriptionConfig'

/** One change of what groups there are, as it is stored. */
type GroupChange =
  | { readonly kind: 'set'; readonly config: GroupConfig }
  | { readonly kind: 'deleted'; readonly stream: string; readonly name: string }

/** All groups of a store; what groups there are is kept in a stream of the system. */
export class Groups {
  readonly #needs: GroupNeeds
  readonly #groups = new Map<string, Group>()
  /** One change of what groups there are after the other. */
  #changing: Promise<unknown> = Promise.resolve()

  /** Reads what groups there are. */
  static async open(needs: GroupNeeds): Promise<Groups> {
    const groups = new Groups(needs)
    const configs = await readConfigs(needs.store)
    for (const [key, config] of configs) groups.#groups.set(key, new Group(config, needs))
    return groups
  }

  private constructor(needs: GroupNeeds) {
    this.#needs = needs
  }

  list(stream = ''): readonly Group[] {
    const all = [...this.#groups.values()]
    return stream === '' ? all : all.filter(({ config }) => config.stream === stream)
  }

  /** Throws `ERR_EVENTS_GROUP_UNKNOWN`. */
  get(stream: string, name: string): Group {
    const group = this.#groups.get(keyOf(stream, name))
    if (group !== undefined) return group
    throw new EventsError(
      'ERR_EVENTS_GROUP_UNKNOWN',
      `There is no group '${name}' of '${stream}'.`,
      { stream, group: name },
    )
  }

  /** Throws `ERR_EVENTS_GROUP_EXISTS`. */
  create(config: GroupConfig): Promise<void> {
    return this.#inTurn(() => this.#create(config))
  }

  update(config: GroupConfig): Promise<void> {
    return this.#inTurn(() => this.#update(config))
  }

  delete(stream: string, name: string): Promise<void> {
    return this.#inTurn(() => this.#delete(stream, name))
  }

  async close(): Promise<void> {
    await Promise.all([...this.#groups.values()].map((group) => group.close()))
  }

  #inTurn(change: () => Promise<void>): Promise<void> {
    const changed = this.#changing.then(change)
    this.#changing = changed.catch(() => {})
    return changed
  }

  async #create(config: GroupConfig): Promise<void> {
    const key = keyOf(config.stream, config.name)
    if (this.#groups.has(key)) {
      throw new EventsError(
        'ERR_EVENTS_GROUP_EXISTS',
        `There is a group '${config.name}' of '${config.stream}' already.`,
        { stream: config.stream, group: config.name },
      )
    }
    if (this.#groups.size >= GROUPS_MAX) {
      throw new EventsError('ERR_EVENTS_LIMIT', `There are ${GROUPS_MAX} groups already.`)
    }
    checkSettings(config)
    const placed = { ...config, settings: await this.#place(config) }
    // A kill in the middle of a deletion leaves them: a new group would go on where the old one was.
    await this.#removeOwned(config)
    await this.#store({ kind: 'set', config: placed })
    this.#groups.set(key, new Group(placed, this.#needs))
  }

  async #update(config: GroupConfig): Promise<void> {
    const group = this.get(config.stream, config.name)
    checkSettings(config)
    const settings = { ...config.settings, startFrom: group.config.settings.startFrom }
    const next = { ...group.config, settings }
    await this.#store({ kind: 'set', config: next })
    group.reconfigure(next)
  }

  async #delete(stream: string, name: string): Promise<void> {
    const group = this.get(stream, name)
    await this.#store({ kind: 'deleted', stream, name })
    this.#groups.delete(keyOf(stream, name))
    await group.close('deleted')
    await this.#removeOwned(group.config)
  }

  async #removeOwned(config: GroupConfig): Promise<void> {
    const { engine } = this.#needs.store
    for (const what of ['parked', 'checkpoint'] as const) {
      const stream = groupStream(config, what)
      const { head } = await engine.stream(stream)
      if (typeof head === 'number')
        await engine.remove({ stream, expected: 'any', isForEver: false })
    }
  }

  /** 'end' is where the stream ends now: what is appended before the first consumer comes is not missed. */
  async #place({ settings, ...config }: GroupConfig): Promise<GroupSettings> {
    if (settings.startFrom !== 'end') return settings
    const source = groupSource({ ...config, settings })
    const { engine } = this.#needs.store
    if (source.kind !== 'stream') return { ...settings, startFrom: engine.end() }
    const { head } = await engine.stream(source.name)
    return { ...settings, startFrom: typeof head === 'number' ? head + 1 : 0 }
  }

  async #store(change: GroupChange): Promise<void> {
    await this.#needs.store.engine.append({
      streams: [{ name: CONFIG_STREAM, expected: 'any' }],
      events: [
        {
          id: randomUUID(),
          type: '$groupChanged',
          isJson: true,
          data: Buffer.from(JSON.stringify(change)),
          metadata: Buffer.alloc(0),
        },
      ],
      streamOf: [0],
    })
  }
}

async function readConfigs(store: EventStore): Promise<ReadonlyMap<string, GroupConfig>> {
  const configs = new Map<string, GroupConfig>()
  const source = { kind: 'stream', name: CONFIG_STREAM } as const
  for (let from = 0, isEnd = false; !isEnd;) {
    const page = await store.readPage({ source, from, isBackwards: false })
    for (const { data } of page.events) {
      const change = JSON.parse(Buffer.from(data).toString('utf8')) as GroupChange
      if (change.kind === 'deleted') configs.delete(keyOf(change.stream, change.name))
      else {
        const { config } = change
        const settings = { ...GROUP_DEFAULTS, ...config.settings }
        configs.set(keyOf(config.stream, config.name), { ...config, settings })
      }
    }
    from = page.next
    isEnd = page.isEnd
  }
  return configs
}

function keyOf(stream: string, name: string): string {
  return `${stream}::${name}`
}

function checkSettings(config: GroupConfig): void {
  const { name, settings } = config
  checkSource(groupSource(config))
  // The longest name of what it keeps of itself.
  checkName(metadataStreamOf(groupStream(config, 'checkpoint')))
  const { bufferSize, messageTimeoutMs, maxRetryCount } = settings
  const isSound =
    name.length > 0 &&
    name.length <= 200 &&
    bufferSize >= 1 &&
    bufferSize <= 10_000 &&
    messageTimeoutMs >= 1 &&
    maxRetryCount >= 0
  if (isSound) return
  throw new EventsError(
    'ERR_EVENTS_INVALID',
    'A group has a name of 1 to 200 characters, a buffer of 1 to 10000 events, and a timeout.',
  )
}
