import { ShellWordsError } from './shell-words-error.ts'

/** Characters of the longest command line. */
export const COMMAND_LENGTH_MAX = 65_536

/** Variables by name. */
export type Variables = Readonly<Record<string, string | undefined>>

/** What only a shell can do, and how it is called. */
const OPERATORS: ReadonlyMap<string, string> = new Map([
  ['|', 'a pipe'],
  ['&', 'a background job'],
  [';', 'a list of commands'],
  ['<', 'a redirection'],
  ['>', 'a redirection'],
  ['(', 'a subshell'],
  [')', 'a subshell'],
  ['`', 'a command substitution'],
  ['*', 'a file pattern'],
  ['\n', 'a second command line'],
])
const BLANK = /[ \t\r]/
const NAME = /^[A-Za-z_][A-Za-z0-9_]*/

interface Scanner {
  readonly text: string
  readonly variables: Variables
  at: number
  readonly words: string[]
  /** The word so far; undefined between words. Quotes make a word even when it is empty. */
  word: string | undefined
  wordAt: number
}

/**
 * Splits a command line as a POSIX shell does (IEEE 1003.1, Shell Command Language, section 2.2: quotes, backslash),
 * with `$NAME` and `${NAME}` replaced from `variables` outside of single quotes. There is no shell: a value is never split or expanded again,
 * and whatever only a shell can do is refused instead of being taken literally. At least one word. Throws `ShellWordsError`.
 */
export function splitShellWords(text: string, variables: Variables): string[] {
  const trimmed = text.trimEnd()
  if (trimmed.length > COMMAND_LENGTH_MAX) {
    throw new ShellWordsError(
      'ERR_COMMAND_TOO_LONG',
      `the command has ${trimmed.length} characters, and ${COMMAND_LENGTH_MAX} are allowed; put it into a script`,
      COMMAND_LENGTH_MAX + 1,
    )
  }
  const nul = trimmed.indexOf('\0')
  if (nul >= 0)
    throw new ShellWordsError(
      'ERR_COMMAND_NUL',
      'a command cannot have a NUL character; remove it',
      nul + 1,
    )
  const scanner: Scanner = {
    text: trimmed,
    variables,
    at: 0,
    words: [],
    word: undefined,
    wordAt: 0,
  }
  while (scanner.at < trimmed.length) scanOne(scanner)
  endWord(scanner)
  if (scanner.words.length === 0) {
    throw new ShellWordsError(
      'ERR_COMMAND_EMPTY',
      'the command is empty; name the program to run',
      1,
    )
  }
  return scanner.words
}

/** Scans one character, quoted part or variable outside of quotes. */
function scanOne(scanner: Scanner): void {
  const char = scanner.text[scanner.at]!
  if (BLANK.test(char)) {
    endWord(scanner)
    scanner.at++
  } else if (char === "'") {
    scanSingleQuoted(scanner)
  } else if (char === '"') {
    scanDoubleQuoted(scanner)
  } else if (char === '\\') {
    scanEscape(scanner)
  } else if (char === '$') {
    const value = scanVariable(scanner)
    if (value !== '' || scanner.word !== undefined) append(scanner, value)
  } else {
    refuseOperator(scanner, char)
    append(scanner, char)
    scanner.at++
  }
}

function append(scanner: Scanner, part: string): void {
  if (scanner.word === undefined) {
    scanner.word = ''
    scanner.wordAt = scanner.at
  }
  scanner.word += part
}

function endWord(scanner: Scanner): void {
  if (scanner.word === undefined) return
  if (scanner.words.length === 0) refuseAssignment(scanner, scanner.word)
  scanner.words.push(scanner.word)
  scanner.word = undefined
}

function scanSingleQuoted(scanner: Scanner): void {
  const end = scanner.text.indexOf("'", scanner.at + 1)
  if (end < 0)
    throw unclosed(scanner.at, 'the single quote is not closed; add a \' or quote it with "')
  append(scanner, scanner.text.slice(scanner.at + 1, end))
  scanner.at = end + 1
}

function scanDoubleQuoted(scanner: Scanner): void {
  const start = scanner.at++
  append(scanner, '')
  for (;;) {
    const char = scanner.text[scanner.at]
    if (char === undefined) throw unclosed(start, 'the double quote is not closed; add a "')
    if (char === '"') break
    if (char === '$') {
      append(scanner, scanVariable(scanner))
    } else if (char === '\\' && '$`"\\\n'.includes(scanner.text[scanner.at + 1] ?? 'x')) {
      scanEscape(scanner)
    } else {
      if (char === '`') refuseOperator(scanner, char)
      append(scanner, char)
      scanner.at++
    }
  }
  scanner.at++
}

/** A backslash keeps the next character as it is; before a newline both vanish. */
function scanEscape(scanner: Scanner): void {
  const next = scanner.text[scanner.at + 1]
  if (next === undefined)
    throw unclosed(scanner.at, 'nothing follows the backslash; write \\\\ for a backslash')
  if (next !== '\n') append(scanner, next)
  scanner.at += 2
}

function unclosed(at: number, message: string): ShellWordsError {
  return new ShellWordsError('ERR_COMMAND_UNCLOSED_QUOTE', `${message} (column ${at + 1})`, at + 1)
}

/** `$NAME` or `${NAME}` at the scanner; a `$` that begins no name stands for itself. */
function scanVariable(scanner: Scanner): string {
  const { text, at } = scanner
  const isBraced = text[at + 1] === '{'
  const nameAt = at + (isBraced ? 2 : 1)
  const name = NAME.exec(text.slice(nameAt))?.[0]
  if (name === undefined || (isBraced && text[nameAt + name.length] !== '}')) {
    if (name === undefined && !/[{(0-9@*#?$!-]/.test(text[at + 1] ?? ' ')) {
      scanner.at++
      return '$'
    }
    throw new ShellWordsError(
      'ERR_COMMAND_EXPANSION',
      `column ${at + 1}: only $NAME and \${NAME} are replaced; ${withShell()}, or quote the $ as '$'`,
      at + 1,
    )
  }
  scanner.at = nameAt + name.length + (isBraced ? 1 : 0)
  return valueOf(scanner.variables, name, at)
}

function valueOf(variables: Variables, name: string, at: number): string {
  const value = Object.hasOwn(variables, name) ? variables[name] : undefined
  if (value !== undefined) return value
  throw new ShellWordsError(
    'ERR_COMMAND_VARIABLE_UNSET',
    `column ${at + 1}: the variable ${name} is not set; set it under env, or quote the $ as '$'`,
    at + 1,
    name,
  )
}

function refuseOperator(scanner: Scanner, char: string): void {
  const isWordStart = scanner.word === undefined
  const meaning =
    OPERATORS.get(char) ??
    (isWordStart && char === '#'
      ? 'a comment'
      : isWordStart && char === '~'
        ? 'a home folder'
        : undefined)
  if (meaning === undefined) return
  const shown = char === '\n' ? 'a newline' : `\`${char}\``
  throw new ShellWordsError(
    'ERR_COMMAND_OPERATOR',
    `column ${scanner.at + 1}: ${shown} is ${meaning}, and no shell runs this command; ${withShell()}, or quote it`,
    scanner.at + 1,
  )
}

/** `PORT=1 node x` would look for a program of that name. */
function refuseAssignment(scanner: Scanner, word: string): void {
  const name = /^([A-Za-z_][A-Za-z0-9_]*)=/.exec(word)?.[1]
  if (name === undefined) return
  throw new ShellWordsError(
    'ERR_COMMAND_ASSIGNMENT',
    `column ${scanner.wordAt + 1}: ${name}=... before the program sets a variable only in a shell; set ${name} under env`,
    scanner.wordAt + 1,
    name,
  )
}

function withShell(): string {
  return "use `sh -c '...'` for that"
}
