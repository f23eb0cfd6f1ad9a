import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'

const docs = join(import.meta.dirname, '../../../docs')

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: Schema
}

test('each setting that the guide from Hystrix and resilience4j names exists', async () => {
  const schema = JSON.parse(await readFile(join(docs, 'backplane.schema.json'), 'utf8')) as Schema
  const service = schema.properties?.['services']?.additionalProperties?.properties
  const resilience = service?.['resilience']
  const guide = await readFile(join(docs, 'guides/from-hystrix-resilience4j.md'), 'utf8')
  const [table = ''] = guide.split('## The same calls')
  const named = table
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .flatMap((line) => [...(line.split(' | ')[2] ?? '').matchAll(/`([\w.]+)[:`]/g)])
    .map(([, path = '']) => path)
    .filter((path) => !['limit', 'service', 'instance', 'both', 'aimd'].includes(path))
    .filter((path) => !/^(?:backplane|open|close|disable|auto)$/.test(path))
  assert.ok(named.length > 20, `${named.length} are named`)
  for (const path of named) {
    const found = path
      .split('.')
      .reduce<Schema | undefined>((at, name) => at?.properties?.[name], resilience)
    assert.ok(found !== undefined, `there is no resilience.${path}`)
  }
})
