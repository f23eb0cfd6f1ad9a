import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import fc from 'fast-check'
import { ShellWordsError } from './shell-words-error.ts'
import { COMMAND_LENGTH_MAX, splitShellWords } from './shell-words.ts'

const VARIABLES = { PORT: '8080', NAME: 'a b', EMPTY: '', STAR: '*;$PORT' }

function split(text: string): string[] {
  return splitShellWords(text, VARIABLES)
}

test('words, quotes and escapes', () => {
  assert.deepEqual(split('  node  services/orders.ts --port 80\n'), [
    'node',
    'services/orders.ts',
    '--port',
    '80',
  ])
  assert.deepEqual(split(`a 'b c' "d 'e'" f\\ g h'i'"j"`), ['a', 'b c', "d 'e'", 'f g', 'hij'])
  assert.deepEqual(split(`a '' ""`), ['a', '', ''])
  assert.deepEqual(split(String.raw`a "\$x \" \\ \n" '\n' \n`), ['a', '$x " \\ \\n', '\\n', 'n'])
  assert.deepEqual(split('a \\\nb "c\\\nd"'), ['a', 'b', 'cd'])
  assert.deepEqual(split('a http://h/?x=1#y [z] {a,b} a~ k=v !'), [
    'a',
    'http://h/?x=1#y',
    '[z]',
    '{a,b}',
    'a~',
    'k=v',
    '!',
  ])
})

test('variables are replaced once and never split', () => {
  assert.deepEqual(split('a $PORT ${PORT}0 x$NAME "$NAME" $STAR'), [
    'a',
    '8080',
    '80800',
    'xa b',
    'a b',
    '*;$PORT',
  ])
  assert.deepEqual(split(`a $EMPTY "$EMPTY" '$PORT' \\$PORT`), ['a', '', '$PORT', '$PORT'])
  assert.deepEqual(split('a $ "$" $. 5$'), ['a', '$', '$', '$.', '5$'])
})

function refusal(text: string): ShellWordsError {
  try {
    split(text)
  } catch (error) {
    if (error instanceof ShellWordsError) return error
  }
  throw new Error(`${text} was not refused`)
}

test('what only a shell can do is refused, with its column and the way out', () => {
  for (const text of [
    'a | b',
    'a && b',
    'a ; b',
    'a < b',
    'a > b',
    'a ( b',
    'a ) b',
    'a `b`',
    'a *.ts',
    'a \n b',
    'a # b',
    'a ~/b',
  ]) {
    const error = refusal(text)
    assert.equal(error.code, 'ERR_COMMAND_OPERATOR', text)
    assert.equal(error.column, 3, text)
    assert.match(error.message, /sh -c/)
  }
  assert.equal(refusal('a "`b`"').code, 'ERR_COMMAND_OPERATOR')
  for (const text of ['a $(b)', 'a ${PORT:-1}', 'a ${}', 'a $1', 'a $?', 'a "$(b)"', 'a ${PORT']) {
    assert.equal(refusal(text).code, 'ERR_COMMAND_EXPANSION', text)
  }
})

test('other refusals say where and why', () => {
  const unset = refusal('a "x$NONE"')
  assert.deepEqual(
    [unset.code, unset.column, unset.variable],
    ['ERR_COMMAND_VARIABLE_UNSET', 5, 'NONE'],
  )
  assert.equal(refusal('a $constructor').code, 'ERR_COMMAND_VARIABLE_UNSET')
  for (const text of ["a 'b", 'a "b', 'a \\']) {
    const error = refusal(text)
    assert.deepEqual([error.code, error.column], ['ERR_COMMAND_UNCLOSED_QUOTE', 3], text)
  }
  assert.deepEqual(
    [refusal(' PORT=1 node x').code, refusal(' PORT=1 node x').column],
    ['ERR_COMMAND_ASSIGNMENT', 2],
  )
  for (const text of ['', '  ', '$EMPTY']) assert.equal(refusal(text).code, 'ERR_COMMAND_EMPTY')
  assert.deepEqual([refusal('a b\0').code, refusal('a b\0').column], ['ERR_COMMAND_NUL', 4])
  assert.equal(refusal('a'.repeat(COMMAND_LENGTH_MAX + 1)).code, 'ERR_COMMAND_TOO_LONG')
})

const piece = fc.constantFrom(
  "'",
  '"',
  '\\',
  ' ',
  'a',
  'b',
  '$',
  'PORT',
  '${PORT}',
  '-',
  '=',
  '.',
  '/',
  '"$PORT"',
  "'x y'",
  '\\ ',
)

test('agrees with the shell of this machine on everything that is not refused', () => {
  const commands: string[] = []
  const expected: string[][] = []
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const text = `p ${pieces.join('')}`
      try {
        expected.push(splitShellWords(text, { PORT: '8080' }).slice(1))
        commands.push(text)
      } catch (error) {
        assert.ok(error instanceof ShellWordsError)
      }
    }),
    { numRuns: 1500 },
  )
  assert.ok(commands.length > 300)
  const script = `PORT=8080\np() { printf '%s\\n' "$#"; for w in "$@"; do printf '<%s>\\n' "$w"; done; }\n${commands.join('\n')}\n`
  const told = execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8', env: {} })
  const ours = expected.map((words) =>
    [`${words.length}`, ...words.map((word) => `<${word}>`)].join('\n'),
  )
  assert.deepEqual(told.trimEnd().split('\n'), ours.join('\n').split('\n'))
})
