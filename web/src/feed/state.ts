import type {
  ListenerView,
  EdgeTick,
  FeedMessage,
  InstanceTick,
  Picture,
  ProblemView,
  ServiceTick,
  ServiceView,
  Tick,
} from '../../../src/contracts/feed.ts'

/** The server keeps and sends as many: ten minutes. */
export const TICKS_MAX = 600

/** What flows into one service, from all of its callers. */
export interface Traffic {
  readonly requestsPerSecond: number
  readonly errorsPerSecond: number
  /** Of all requests together, as the server has added up their histograms. */
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
}

/** A tick with its rows findable by key. */
export interface IndexedTick {
  readonly atMs: number
  readonly edges: ReadonlyMap<string, EdgeTick>
  readonly instances: ReadonlyMap<string, InstanceTick>
  readonly services: ReadonlyMap<string, Traffic>
}

/** Everything that the console knows, immutable; null before the first picture. */
export interface SystemState {
  readonly name: string
  readonly version: string
  readonly startedAtMs: number
  readonly listeners: readonly ListenerView[]
  /** By name, in alphabetical order. */
  readonly services: ReadonlyMap<string, ServiceView>
  /** Errors first, then the oldest first. */
  readonly problems: readonly ProblemView[]
  /** Oldest first, at most `TICKS_MAX`. */
  readonly ticks: readonly IndexedTick[]
  /** Keys of all edges in `ticks`, and how many ticks name them; the object changes only when a key comes or goes. */
  readonly edgeKeys: ReadonlySet<string>
}

export const NO_TRAFFIC: Traffic = {
  requestsPerSecond: 0,
  errorsPerSecond: 0,
  p50Ms: 0,
  p95Ms: 0,
  p99Ms: 0,
}

/** Key of an edge; service names hold no `>`. The gateway's clients are the caller ''. */
export function edgeKeyOf(caller: string, service: string): string {
  return `${caller}>${service}`
}

/** Caller and service of an edge's key. */
export function splitEdgeKey(key: string): { readonly caller: string; readonly service: string } {
  const at = key.indexOf('>')
  return { caller: key.slice(0, at), service: key.slice(at + 1) }
}

/** The next state. Messages before the first picture change nothing. */
export function reduceFeed(state: SystemState | null, message: FeedMessage): SystemState | null {
  if (message.type === 'picture') return fromPicture(message.picture)
  if (state === null) return null
  switch (message.type) {
    case 'services':
      return { ...state, services: mergeServices(state.services, message.changed, message.gone) }
    case 'listeners':
      return { ...state, listeners: message.listeners }
    case 'problems':
      return { ...state, problems: sortProblems(message.problems) }
    case 'tick':
      return addTick(state, message.tick)
    default:
      // A newer server may say more; what is not understood is left out.
      return state
  }
}

function fromPicture(picture: Picture): SystemState {
  const ticks = picture.ticks.slice(-TICKS_MAX).map(indexTick)
  return {
    name: picture.name,
    version: picture.version,
    startedAtMs: picture.startedAtMs,
    listeners: picture.listeners,
    services: mergeServices(new Map(), picture.services, []),
    problems: sortProblems(picture.problems),
    ticks,
    edgeKeys: new Set(ticks.flatMap((tick) => [...tick.edges.keys()])),
  }
}

function mergeServices(
  before: ReadonlyMap<string, ServiceView>,
  changed: readonly ServiceView[],
  gone: readonly string[],
): ReadonlyMap<string, ServiceView> {
  const merged = new Map(before)
  for (const service of changed) merged.set(service.name, service)
  for (const name of gone) merged.delete(name)
  return new Map([...merged].toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

function sortProblems(problems: readonly ProblemView[]): readonly ProblemView[] {
  const rank = (problem: ProblemView): number => (problem.severity === 'error' ? 0 : 1)
  return problems.toSorted((a, b) => rank(a) - rank(b) || a.sinceMs - b.sinceMs)
}

function addTick(state: SystemState, tick: Tick): SystemState {
  const indexed = indexTick(tick)
  const last = state.ticks.at(-1)
  if (last !== undefined && last.atMs >= indexed.atMs) return state
  const ticks = [...state.ticks.slice(-(TICKS_MAX - 1)), indexed]
  return { ...state, ticks, edgeKeys: nextEdgeKeys(state.edgeKeys, ticks, indexed) }
}

/** Looks through the whole window only once a minute: an edge that fell silent may stay a little longer. */
function nextEdgeKeys(
  before: ReadonlySet<string>,
  ticks: readonly IndexedTick[],
  newest: IndexedTick,
): ReadonlySet<string> {
  if (Math.floor(newest.atMs / 1000) % 60 === 0) {
    const now = new Set(ticks.flatMap((tick) => [...tick.edges.keys()]))
    return now.size === before.size && now.isSubsetOf(before) ? before : now
  }
  const added = [...newest.edges.keys()].filter((key) => !before.has(key))
  return added.length === 0 ? before : new Set([...before, ...added])
}

function indexTick(tick: Tick): IndexedTick {
  // An edge without a service is a request that no route matched: it belongs to no node.
  const edges = new Map(
    tick.edges
      .filter((edge) => edge.service !== '')
      .map((edge) => [edgeKeyOf(edge.caller, edge.service), edge]),
  )
  const services = new Map(tick.services.map((row) => [row.service, trafficIn(row)]))
  const instances = new Map(
    tick.instances.map((instance) => [`${instance.service}/${instance.id}`, instance]),
  )
  return { atMs: tick.atMs, edges, instances, services }
}

function trafficIn(row: ServiceTick): Traffic {
  const { requestsPerSecond, errorRatio, p50Ms, p95Ms, p99Ms } = row
  return { requestsPerSecond, errorsPerSecond: requestsPerSecond * errorRatio, p50Ms, p95Ms, p99Ms }
}
