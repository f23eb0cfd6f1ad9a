import { z } from 'zod'
import type { SourceOf } from './load.ts'
import { filled, label } from './names.ts'
import type { SettingProblem } from './problems.ts'
import { listenAddress } from './units.ts'
import { checkListeners } from '../listeners/check.ts'
import type { ListenerTable, ListenSettings, PortClaim } from '../listeners/table.ts'

type Shape = Readonly<Record<string, z.ZodType>>

/** Names of variables that every service gets besides its own `env`: inherited ones, and those that tell of our listeners. */
export type KnownVariables = ReadonlySet<string>

/** What one capability adds to `backplane.yaml`: the file is the sum of these. */
export interface SettingsPart {
  /** Sections of the file, by name. */
  readonly sections?: Shape
  /** What it asks of each service, beside what others ask. */
  readonly service?: Shape
  /** Where it listens, by the name in `listen`. */
  readonly listeners?: ListenerTable
  /** Settings that are read once, at the start: all that begin with one of these paths. Its own listeners need not be named. */
  readonly restart?: readonly string[]
  /** What no single setting can know. `settings` is typed by what the check looks at. */
  check?(settings: never, sourceOf: SourceOf, known: KnownVariables): readonly SettingProblem[]
  /** What only a look at files that the settings name can tell, `folder` being what they are relative to. Asked by `backplane check`, never by a start. */
  inspect?(settings: never, folder: string): Promise<readonly SettingProblem[]>
  /** Further ports that the configuration takes, so that no listener wants the same. */
  claims?(settings: never): readonly PortClaim[]
}

/** The whole file, made of its parts. */
export interface AssembledSettings<Parts extends readonly SettingsPart[]> {
  readonly schema: SettingsSchema<Parts>
  /** Every listener of the product. */
  readonly listeners: ListenerTable
  /** The checks of all parts, and of the listeners. The loader gives each problem its line. */
  check(
    settings: CheckedBy<Parts>,
    sourceOf: SourceOf,
    environment: Readonly<Record<string, string | undefined>>,
  ): readonly SettingProblem[]
  /** What a look at the files that they name tells, of all parts. */
  inspect(settings: CheckedBy<Parts>, folder: string): Promise<readonly SettingProblem[]>
  /** Whether a change of the setting at this path waits for the next start. */
  needsRestart(path: string): boolean
}

/** Puts the parts together, in the order of the list. Throws `TypeError` for a name that two of them claim. */
export function assembleSettings<const Parts extends readonly SettingsPart[]>(
  parts: Parts,
): AssembledSettings<Parts> {
  const listeners = mergeNames(parts.map((part) => part.listeners ?? {}))
  const sections = mergeNames(parts.map((part) => part.sections ?? {}))
  const service = mergeNames(parts.map((part) => part.service ?? {}))
  const schema = z.strictObject({
    name: label().optional().describe('Name of the system; default: the name of the folder.'),
    listen: listenSchema(listeners),
    services: z.record(label(), z.strictObject(service)).default({}).describe('Services by name.'),
    ...sections,
  })
  const once = ['name', 'listen.default', 'listen.from', ...onceOf(listeners)]
  const restart = [...once, ...parts.flatMap((part) => part.restart ?? [])]
  return {
    schema: schema as unknown as SettingsSchema<Parts>,
    listeners,
    check(settings, sourceOf, environment) {
      const given = settings as never
      const known = new Set([...Object.keys(environment), ...variablesOf(listeners)])
      const claims = parts.flatMap((part) => part.claims?.(given) ?? [])
      return [
        ...parts.flatMap((part) => part.check?.(given, sourceOf, known) ?? []),
        ...checkListeners(listeners, settings as { listen: ListenSettings }, claims, sourceOf),
      ]
    },
    async inspect(settings, folder) {
      const found = parts.map(async (part) => part.inspect?.(settings as never, folder) ?? [])
      return (await Promise.all(found)).flat()
    },
    needsRestart: (path) => restart.some((prefix) => isBelow(path, prefix)),
  }
}

/** What services are told of listeners, if they are open. */
function variablesOf(listeners: ListenerTable): readonly string[] {
  const anywhere = { host: '127.0.0.1', port: 1 }
  return Object.values(listeners).flatMap((row) => Object.keys(row.variables?.(anywhere) ?? {}))
}

function onceOf(listeners: ListenerTable): readonly string[] {
  return Object.entries(listeners).flatMap(([name, { isOfData }]) =>
    isOfData === true ? [] : [`listen.${name}`],
  )
}

function isBelow(path: string, prefix: string): boolean {
  return path === prefix || path.startsWith(`${prefix}.`) || path.startsWith(`${prefix}[`)
}

function mergeNames<Value>(
  maps: readonly Readonly<Record<string, Value>>[],
): Readonly<Record<string, Value>> {
  const entries = maps.flatMap((map) => Object.entries(map))
  const merged = new Map(entries)
  if (merged.size < entries.length) {
    const twice = entries.find(([name], at) => entries.findIndex(([one]) => one === name) < at)
    throw new TypeError(`two capabilities have a setting ${twice?.[0]}`)
  }
  return Object.fromEntries(merged)
}

function listenSchema(listeners: ListenerTable) {
  const rows = Object.entries(listeners)
  const guarded = rows.filter(([, { access }]) => access === 'addresses')
  const blocks = z.array(filled()).optional()
  return z
    .strictObject({
      default: z
        .enum(['auto', 'off'])
        .default('auto')
        .describe('off closes every listener that is not named.'),
      ...Object.fromEntries(
        rows.map(([name, { about, port }]) => [
          name,
          listenAddress().optional().describe(`${about}; default 127.0.0.1:${port}.`),
        ]),
      ),
      ...(guarded.length === 0
        ? {}
        : {
            from: z
              .strictObject(
                Object.fromEntries(
                  guarded.map(([name]) => [
                    name,
                    blocks.describe(`CIDR blocks that may reach ${name} from the network.`),
                  ]),
                ),
              )
              .optional()
              .describe('Who may reach a listener whose protocol knows no credentials.'),
          }),
    })
    .prefault({})
    .describe('Listeners: port, host:port, 0 (any free port) or off.')
}

type Intersection<Union> = (Union extends unknown ? (one: Union) => void : never) extends (
  all: infer All,
) => void
  ? All
  : never
type Flat<Map> = { [Name in keyof Map]: Map[Name] }
/** The same map, known to hold schemas. */
type Schemas<Map> = { [Name in keyof Map]: Extract<Map[Name], z.core.$ZodType> }
type Given<Part, Key extends string> = Part extends Readonly<Record<Key, infer Map>> ? Map : never
/** All values of one key of the parts, as one map. */
type All<Parts extends readonly SettingsPart[], Key extends keyof SettingsPart> = Flat<
  Intersection<Given<Parts[number], Key>>
>
/** What all checks together look at: the settings must have it. */
type CheckedBy<Parts extends readonly SettingsPart[]> = Intersection<
  Parts[number] extends infer Part
    ? Part extends { check(settings: infer Looked, ...rest: infer _Rest): unknown }
      ? Looked
      : never
    : never
>
type ListenShape<Table> = {
  default: z.ZodDefault<z.ZodEnum<{ auto: 'auto'; off: 'off' }>>
  from: z.ZodOptional<z.ZodType<Readonly<Record<string, readonly string[]>>>>
} & { [Name in keyof Table]: z.ZodOptional<ReturnType<typeof listenAddress>> }

type SettingsSchema<Parts extends readonly SettingsPart[]> = z.ZodObject<
  Schemas<
    {
      name: z.ZodOptional<z.ZodString>
      listen: z.ZodPrefault<z.ZodObject<Flat<ListenShape<All<Parts, 'listeners'>>>, z.core.$strict>>
      services: z.ZodDefault<
        z.ZodRecord<z.ZodString, z.ZodObject<Schemas<All<Parts, 'service'>>, z.core.$strict>>
      >
    } & All<Parts, 'sections'>
  >,
  z.core.$strict
>
