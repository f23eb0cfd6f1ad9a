import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assembleErrors, codesIn, compareCodes, parseEntries } from '../scripts/errors-page.ts'

// Written in two parts, so that this file holds no code that the real page would have to explain.
const areaCode = `ERR_${'AREA_ONE'}`
const otherCode = `ERR_${'AREA_TWO'}`

test('codes are found as whole literals, and Node.js keeps its own', () => {
  const text = `throw fail('${areaCode}') // ${otherCode} in words\nif (code === 'ERR_IPC_CHANNEL_CLOSED') return`
  assert.deepEqual(codesIn(text), [areaCode])
  assert.deepEqual(codesIn(`const reasons = {\n  ${otherCode}: { status: 404 },\n}`), [otherCode])
})

test('a code without entry, an entry without code, and two entries are found', () => {
  const entry = (code: string) => ({ code, file: 'docs/errors/area.md', text: '' })
  const used = new Map([[areaCode, 'src/a.ts']])
  assert.deepEqual(compareCodes(used, [entry(areaCode)]), [])
  assert.equal(compareCodes(used, []).length, 1)
  assert.equal(compareCodes(used, [entry(areaCode), entry(areaCode)]).length, 1)
  assert.equal(compareCodes(new Map(), [entry(otherCode)]).length, 1)
})

test('an entry that says nothing is found', () => {
  const problems: string[] = []
  parseEntries('area.md', `## ${areaCode}\nShort.\n`, problems)
  parseEntries(
    'area.md',
    `## not a code\nA line that is long enough to say what it means, why it comes and what to do.\n`,
    problems,
  )
  parseEntries('area.md', 'nothing', problems)
  assert.equal(problems.length, 3)
})

test('the page is sorted and has its contents', () => {
  const problems: string[] = []
  const text = `# Area\n\n## ${otherCode}\n\n${'Two. '.repeat(20)}\n\n## ${areaCode}\n\n${'One. '.repeat(20)}\n`
  const page = assembleErrors(parseEntries('area.md', text, problems))
  assert.deepEqual(problems, [])
  assert.ok(page.indexOf(`## ${areaCode}`) < page.indexOf(`## ${otherCode}`))
  assert.match(page, /- \[ERR_AREA_ONE\]\(#err_area_one\)/)
})
