import assert from 'node:assert/strict'
import { cpSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  dump,
  named,
  openIn,
  temporaryFolder,
} from '../../../src/capabilities/metrics/store/testing/stores.ts'
import { promtool, withoutPrometheus } from './promtool.ts'

const skip = withoutPrometheus
const forEver = { timeMs: 2 ** 50, bytesMax: 0, rules: [] }

test('promtool reads our blocks, sample by sample', { skip }, async () => {
  using folder = temporaryFolder()
  const store = await openIn(folder.path)
  const expected: string[] = []
  const series = [0, 1, 2].map((n) => store.seriesOf(named('x', { job: `job "${n}"`, n: `${n}` })))
  for (let at = 0; at < 1_000; at++) {
    for (const [n, ref] of series.entries()) {
      const value = n === 0 ? at * 3 : n === 1 ? Math.sin(at) * 1e9 : at % 7 === 0 ? 0.1 : -0
      const time = 1_700_000_000_000 + at * 15_000 + (at % 5)
      store.appendValue(ref, time, value)
      if (time < 1_700_006_400_000) {
        const text = Math.abs(value) >= 1e21 ? String(value) : goText(value)
        expected.push(`{__name__="x", job="job \\"${n}\\"", n="${n}"} ${text} ${time}`)
      }
    }
  }
  await store.commit()
  await store.maintain(forEver)
  await store.close()
  const place = join(folder.path, 'for-promtool')
  mkdirSync(join(place, 'wal'), { recursive: true })
  cpSync(join(folder.path, 'blocks'), place, { recursive: true })
  const lines = (await promtool('tsdb', 'dump', place)).trimEnd().split('\n')
  assert.ok(expected.length > 1_000)
  assert.deepEqual(lines.map(canonical).toSorted(), expected.map(canonical).toSorted())
  assert.match(await promtool('tsdb', 'analyze', place), /Series: 3/)
})

/** Numbers as both write them differently become one text. */
function canonical(line: string): string {
  return line.replace(/\} (\S+) /, (_, number: string) => `} ${Number(number)} `)
}

function goText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value)
}

test('blocks that promtool makes are read by us', { skip }, async () => {
  using folder = temporaryFolder()
  const lines = Array.from(
    { length: 500 },
    (_, at) => `y{a="${at % 3}"} ${at / 4} ${1_600_000_000 + at * 10}`,
  )
  const source = join(folder.path, 'source.om')
  writeFileSync(source, `# TYPE y gauge\n${lines.join('\n')}\n# EOF\n`)
  mkdirSync(join(folder.path, 'blocks'))
  await promtool('tsdb', 'create-blocks-from', 'openmetrics', source, join(folder.path, 'blocks'))
  assert.ok(readdirSync(join(folder.path, 'blocks')).length >= 1)
  const store = await openIn(folder.path)
  const answer = await dump(store)
  const all = Object.values(answer).flat()
  assert.equal(all.length, 500)
  assert.deepEqual(answer['y{a="1"}']!.slice(0, 2), [
    [1_600_000_010_000, 0.25],
    [1_600_000_040_000, 1],
  ])
  await store.close()
})
