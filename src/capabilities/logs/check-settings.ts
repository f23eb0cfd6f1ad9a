import type { SettingProblem } from '../../platform/config/problems.ts'

/** What the check looks at. */
export interface LogsChecked {
  readonly logs: { readonly redact: { readonly rules: readonly { readonly pattern: string }[] } }
}

/** Expressions that no schema can judge: what JavaScript cannot read either is found here, the rest is told by telemetry. */
export function checkLogs({ logs }: LogsChecked): readonly SettingProblem[] {
  return logs.redact.rules.flatMap(({ pattern }, index) => {
    const problem = problemOfPattern(pattern)
    if (problem === undefined) return []
    return [
      {
        path: ['logs', 'redact', 'rules', index, 'pattern'],
        code: 'ERR_CONFIG_VALUE_INVALID',
        message: `is no regular expression: ${problem}`,
      },
    ]
  })
}

function problemOfPattern(source: string): string | undefined {
  try {
    RegExp(source.replaceAll(/\(\?[imsU-]+\)/g, '').replaceAll('(?P<', '(?<'))
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
