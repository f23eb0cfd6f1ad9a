export type ShellWordsErrorCode =
  | 'ERR_COMMAND_EMPTY'
  | 'ERR_COMMAND_TOO_LONG'
  | 'ERR_COMMAND_NUL'
  | 'ERR_COMMAND_UNCLOSED_QUOTE'
  | 'ERR_COMMAND_OPERATOR'
  | 'ERR_COMMAND_EXPANSION'
  | 'ERR_COMMAND_VARIABLE_UNSET'
  | 'ERR_COMMAND_ASSIGNMENT'

/** A command line that cannot be split into words; `column` (from 1) is where. */
export class ShellWordsError extends Error {
  override readonly name = 'ShellWordsError'
  readonly code: ShellWordsErrorCode
  readonly column: number
  /** The variable that is not set, under ERR_COMMAND_VARIABLE_UNSET; else ''. */
  readonly variable: string

  constructor(code: ShellWordsErrorCode, message: string, column: number, variable = '') {
    super(message)
    this.code = code
    this.column = column
    this.variable = variable
  }
}
