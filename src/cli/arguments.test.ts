import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatHelp, parseArguments } from './arguments.ts'
import type { CommandSpec } from './arguments.ts'

const spec = {
  name: 'logs',
  summary: 'Shows output.',
  positionals: [{ name: 'SERVICE', description: 'Whose.', isOptional: true }],
  flags: {
    follow: { type: 'boolean', short: 'f', description: 'Go on.' },
    lines: { type: 'value', short: 'n', value: 'COUNT', description: 'How many.', default: '10' },
    since: { type: 'value', value: 'TIME', description: 'From when.' },
  },
} as const satisfies CommandSpec

function run(...argv: string[]) {
  const parsed = parseArguments(argv, spec)
  assert.equal(parsed.kind, 'run')
  assert.ok(parsed.kind === 'run')
  return parsed
}

function refuse(...argv: string[]): string {
  const parsed = parseArguments(argv, spec)
  assert.ok(parsed.kind === 'exit', JSON.stringify(parsed))
  assert.equal(parsed.exitCode, 2)
  return parsed.text
}

test('flags and positionals in every spelling', () => {
  assert.deepEqual(run().flags, { follow: false, lines: '10', since: undefined })
  assert.deepEqual(run('orders', '-f', '-n', '5').flags, {
    follow: true,
    lines: '5',
    since: undefined,
  })
  assert.equal(run('--lines=7').flags.lines, '7')
  assert.equal(run('--since=-5m').flags.since, '-5m')
  assert.deepEqual(run('--follow', 'orders').positionals, ['orders'])
  assert.deepEqual(run('--', '-odd').positionals, ['-odd'])
})

test('wrong use names the nearest option and what is missing', () => {
  assert.match(refuse('--folow'), /no option --folow\. Did you mean --follow\?/)
  assert.match(refuse('-x'), /no option -x\./)
  assert.match(refuse('--lines'), /--lines needs a value: --lines COUNT/)
  assert.match(refuse('--lines', '--follow'), /needs a value/)
  assert.match(refuse('--lines='), /needs a value/)
  assert.match(refuse('--follow=yes'), /takes no value/)
  assert.match(refuse('-f', '--follow'), /given twice/)
  assert.match(refuse('a', 'b'), /'b' is one argument too many/)
  assert.match(refuse('--constructor'), /no option --constructor/)
})

test('positionals that are needed, and any number of them', () => {
  const many = {
    name: 'stop',
    summary: '',
    positionals: [{ name: 'SERVICE', description: 'Which.', isMany: true }],
    flags: {},
  } as const satisfies CommandSpec
  const none = parseArguments([], many)
  assert.ok(none.kind === 'exit' && none.text.includes('SERVICE is missing: Which.'))
  const three = parseArguments(['a', 'b', 'c'], many)
  assert.ok(three.kind === 'run' && three.positionals.length === 3)
})

test('help is made from the spec and leaves with 0', () => {
  const parsed = parseArguments(['orders', '--help'], spec)
  assert.deepEqual(parsed, { kind: 'exit', exitCode: 0, text: formatHelp(spec) })
  assert.equal(
    formatHelp(spec),
    `backplane logs [SERVICE] [options]

Shows output.

Arguments:
  SERVICE  Whose.

Options:
  -f, --follow       Go on.
  -n, --lines COUNT  How many. Default: 10
      --since TIME   From when.
  -h, --help         Print this help.
`,
  )
})
