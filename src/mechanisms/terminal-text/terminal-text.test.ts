import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { showLinesOnTerminal, showOnTerminal } from './terminal-text.ts'

test('what a service may do to a terminal is its colours', () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ['plain text and a tab', 'a\tb · ü 日本 🙂', 'a\tb · ü 日本 🙂'],
    ['a colour, reset at the end', '\x1b[1;31mred', '\x1b[1;31mred\x1b[0m'],
    ['a colour with colons', '\x1b[38:2::1:2:3mx', '\x1b[38:2::1:2:3mx\x1b[0m'],
    ['a bare reset', 'a\x1b[mb', 'a\x1b[mb\x1b[0m'],
    ['clear the screen', '\x1b[2J\x1b[H', '\\x1b[2J\\x1b[H'],
    ['a window title', '\x1b]0;root@prod\x07', '\\x1b]0;root@prod\\x07'],
    ['the clipboard', '\x1b]52;c;aGk=\x1b\\', '\\x1b]52;c;aGk=\\x1b\\'],
    ['C1 as one character', '\x9b2J\x9d0;x\x9c', '\\x9b2J\\x9d0;x\\x9c'],
    ['a private form of m is no colour', '\x1b[>4;2m', '\\x1b[>4;2m'],
    ['an endless colour', `\x1b[${'1'.repeat(65)}m`, `\\x1b[${'1'.repeat(65)}m`],
    ['a colour inside another sequence', '\x1b[\x1b[31m2J', '\\x1b[\x1b[31m2J\x1b[0m'],
    ['an unfinished one', 'x\x1b', 'x\\x1b'],
    ['a line that overwrites itself', 'ok\rFAILED\b\0\x7f', 'ok\\x0dFAILED\\x08\\x00\\x7f'],
    ['a made-up line', 'a\nb', 'a\\x0ab'],
  ]
  for (const [what, line, shown] of cases) assert.equal(showOnTerminal(line), shown, what)
})

test('several lines: each is shown for itself', () => {
  assert.equal(showLinesOnTerminal('a\x1b[31mb\nc\x1b[Kd\n'), 'a\x1b[31mb\x1b[0m\nc\\x1b[Kd\n')
})

test('whatever comes: without its colours no control character is left, and plain text is not touched', () => {
  const piece = fc.constantFrom(
    '\x1b',
    '[',
    '3',
    ';',
    'm',
    'J',
    ']',
    '\x07',
    '\x9b',
    'a',
    '\t',
    '\r',
  )
  const text = fc.oneof(fc.string({ unit: piece, maxLength: 40 }), fc.string({ unit: 'binary' }))
  const colour = new RegExp(`${'\x1b'}\\[[0-9;:]*m`, 'g')
  fc.assert(
    fc.property(text, (line) => {
      const shown = showOnTerminal(line)
      const rest = shown.replaceAll(colour, '')
      assert.doesNotMatch(rest, /[^\P{Cc}\t]/u)
      if (shown.includes('\x1b')) assert.ok(shown.endsWith('\x1b[0m'))
      if (!/[^\P{Cc}\t]/u.test(line)) assert.equal(shown, line)
    }),
  )
})
