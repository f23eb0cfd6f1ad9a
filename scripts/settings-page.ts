import { z } from 'zod'
import { describeType, schemaOptions, unwrapSchema } from '../src/platform/config/schema.ts'
import type { Schema } from '../src/platform/config/schema.ts'
import { unitOf } from '../src/platform/config/units.ts'
import { settingsSchema } from '../src/settings.ts'

/** A file that shows the shape of the whole; a test validates it. */
export const EXAMPLE_FILE = `# yaml-language-server: $schema=./docs/backplane.schema.json
name: shop
listen:
  gateway: 0.0.0.0:8080            # the public may come in here
  console: 4000                    # only this machine
services:
  migrate:
    run: node migrate.js
    task: true                     # runs to its end once
  orders:
    run: node orders.js            # listens on $PORT
    after: [migrate]
    calls: [payments]              # its address is in $PAYMENTS_URL
    instances: { min: 2, max: 8 }
    env:
      LOG_LEVEL: info
      DATABASE_URL: { env: ORDERS_DATABASE_URL }
    health: { http: /health, interval: 2s, timeout: 1s }
    balance: { algorithm: peak-ewma, slowStart: 10s }
    resilience:
      timeout: 2s
      retry: { attempts: 2, budget: 20% }
  payments:
    at: ["10.0.0.5:8080", "10.0.0.6:8080"]
  orders-next:
    run: [node, orders-next.js]
gateway:
  routes:
    - path: /api/orders/**
      methods: [GET, POST]
      split: [{ to: orders, weight: 95% }, { to: orders-next, weight: 5% }]
    - { host: pay.example.com, to: payments }
  trustedProxies: [10.0.0.0/8]
  limits: { body: 10MiB, requests: 5000 }
`

const INTRODUCTION = `# Settings

<!-- Written by scripts/settings-docs.ts from the schema in src/settings.ts; do not edit. -->

One file, \`backplane.yaml\`, says what is wanted. \`backplane check\` validates it and starts nothing. A file that is
not valid changes nothing: all problems are told at once, each with its line.

\`\`\`yaml
${EXAMPLE_FILE}\`\`\`

## How values are written

| kind | examples | notes |
| --- | --- | --- |
| duration | \`500ms\`, \`2s\`, \`5m\`, \`1h30m\`, \`7d\` | whole milliseconds; a unit is always needed |
| size | \`512B\`, \`64KiB\`, \`10MiB\`, \`10MB\` | \`KiB\` is 1024, \`kB\` is 1000 |
| share | \`20%\`, \`0.2\` | from 0% to 100% |
| rate | \`100/s\`, \`6000/m\`, \`10/h\` | |
| address | \`8080\`, \`0.0.0.0:8080\`, \`"[::1]:8080"\`, \`0\`, \`off\` | a bare port is on 127.0.0.1; 0 is any free port; brackets need quotes in YAML |
| secret | \`text\`, \`{ env: NAME }\`, \`{ file: path }\` | files are relative to the configuration file; never shown again |

- YAML 1.2, anchors and merge keys (\`<<: *name\`) included; JSON is YAML. At most 1 MiB.
- \`backplane.production.yaml\` beside the file is laid over it with \`--env production\`: maps are merged, lists and values
  replaced, \`null\` takes a setting away.
- Editors check and complete with a first line \`# yaml-language-server: $schema=…/docs/backplane.schema.json\`.
`

/** The text of docs/settings.md. */
export function formatSettingsPage(): string {
  const sections: Section[] = []
  collectSections(settingsSchema, '', '', sections)
  return `${INTRODUCTION}\n${sections.map(formatSection).join('\n')}`
}

/** The text of docs/backplane.schema.json: JSON Schema 2020-12 of the file as it is written. */
export function formatJsonSchema(): string {
  const schema = z.toJSONSchema(settingsSchema, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => {
      const unit = unitOf(zodSchema)
      if (unit === undefined) return
      const { description, default: byDefault } = jsonSchema
      for (const key of Object.keys(jsonSchema)) delete jsonSchema[key]
      Object.assign(jsonSchema, unit.jsonSchema)
      if (description !== undefined) jsonSchema.description = description
      if (byDefault !== undefined) jsonSchema.default = byDefault
    },
  })
  return `${JSON.stringify({ title: 'backplane.yaml', ...schema }, undefined, 2)}\n`
}

interface Section {
  readonly path: string
  readonly description: string
  readonly rows: string[]
}

/** One section a map; what is a map itself gets a section of its own after it. */
function collectSections(schema: Schema, path: string, description: string, into: Section[]): void {
  const section: Section = { path, description, rows: [] }
  into.push(section)
  for (const option of schemaOptions(schema)) {
    if (!(option instanceof z.ZodObject)) continue
    for (const [name, child] of Object.entries<Schema>(option.shape)) {
      const at = path === '' ? name : `${path}.${name}`
      const inner = innerMap(child)
      if (inner !== undefined) {
        collectSections(inner.schema, `${at}${inner.suffix}`, describe(child), into)
        continue
      }
      section.rows.push(formatRow(name, child))
      const map = describedMap(child)
      if (map !== undefined) collectSections(map, at, `${describe(child)} As a map:`, into)
    }
  }
}

/** The map among several forms of a setting, where its settings say something. */
function describedMap(schema: Schema): Schema | undefined {
  if (unitOf(unwrapSchema(schema)) !== undefined) return undefined
  return schemaOptions(schema).find(
    (option) =>
      option instanceof z.ZodObject &&
      Object.values<Schema>(option.shape).some((child) => describe(child) !== ''),
  )
}

/** The map inside of a map of names or a list, and how its path goes on; undefined for what is a row of a table. */
function innerMap(
  schema: Schema,
): { readonly schema: Schema; readonly suffix: string } | undefined {
  const inner = unwrapSchema(schema)
  if (unitOf(inner) !== undefined) return undefined
  if (inner instanceof z.ZodObject) return { schema: inner, suffix: '' }
  if (inner instanceof z.ZodRecord) {
    const found = innerMap(inner.valueType as Schema)
    return found === undefined ? undefined : { ...found, suffix: '.NAME' }
  }
  if (!(inner instanceof z.ZodArray)) return undefined
  const found = innerMap(inner.element as Schema)
  return found === undefined ? undefined : { ...found, suffix: '[]' }
}

function formatSection({ path, description, rows }: Section): string {
  if (rows.length === 0) return path === '' ? '' : `## \`${path}\`\n\n${description}\n`
  const table = `| setting | type | default | bounds | |\n| --- | --- | --- | --- | --- |\n${rows.join('\n')}\n`
  const heading = path === '' ? '## The whole' : `## \`${path}\``
  return `${heading}\n${description === '' ? '' : `\n${description}\n`}\n${table}`
}

function formatRow(name: string, schema: Schema): string {
  const cells = [
    `\`${name}\``,
    typeOf(schema),
    defaultOf(schema),
    boundsOf(schema),
    describe(schema),
  ]
  return `| ${cells.map((cell) => cell.replaceAll('|', String.raw`\|`)).join(' | ')} |`
}

function typeOf(schema: Schema): string {
  const unit = unitOf(unwrapSchema(schema))
  if (unit !== undefined) return unit.kind
  const inner = unwrapSchema(schema)
  if (inner instanceof z.ZodRecord) return `map of name to ${typeOf(inner.valueType as Schema)}`
  if (inner instanceof z.ZodArray) return `list of ${typeOf(inner.element as Schema)}`
  if (inner instanceof z.ZodEnum) return inner.options.map((each) => `\`${each}\``).join(', ')
  return describeType(schema).replace(/^a /, '')
}

function defaultOf(schema: Schema): string {
  const { def } = (schema as z.core.$ZodTypes)._zod
  if (def.type === 'optional') return ''
  if (def.type !== 'default' && def.type !== 'prefault') return 'required'
  const value: unknown = def.defaultValue
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``
}

function boundsOf(schema: Schema): string {
  const inner = unwrapSchema(schema)
  const unit = unitOf(inner)
  if (unit !== undefined) return unit.bounds
  const numbers = schemaOptions(inner).flatMap((option) =>
    option instanceof z.ZodNumber ? [option] : [],
  )
  return numbers.map(({ minValue, maxValue }) => `${minValue} to ${maxValue}`).join(', ')
}

function describe(schema: Schema): string {
  return z.globalRegistry.get(schema)?.description ?? ''
}
