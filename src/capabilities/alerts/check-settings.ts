import type { SettingPath, SettingProblem } from '../../platform/config/problems.ts'

/** What the check looks at. */
export interface AlertsChecked {
  readonly alerts: {
    readonly rules: readonly {
      readonly alert?: string | undefined
      readonly record?: string | undefined
      readonly for: number
      readonly keepFiringFor: number
      readonly annotations: Readonly<Record<string, string>>
    }[]
  }
}

/** What no schema can judge. Expressions and templates are read by `backplane check` and when rules are put into force. */
export function checkAlerts({ alerts }: AlertsChecked): readonly SettingProblem[] {
  return alerts.rules.flatMap((rule, index) => {
    const path: SettingPath = ['alerts', 'rules', index]
    const problem = (message: string): SettingProblem => ({
      path,
      code: 'ERR_CONFIG_VALUE_INVALID',
      message,
    })
    if ((rule.alert === undefined) === (rule.record === undefined)) {
      return [problem('must have either alert or record')]
    }
    const isRecording = rule.record !== undefined
    const isTimed = rule.for > 0 || rule.keepFiringFor > 0
    return isRecording && (isTimed || Object.keys(rule.annotations).length > 0)
      ? [problem('has record: for, keepFiringFor and annotations belong to alerts')]
      : []
  })
}
