import { goFunctions } from '../go-template/functions.ts'
import { parseTemplate } from '../go-template/parse.ts'
import { runTemplate } from '../go-template/run.ts'
import type { Template } from '../go-template/tree.ts'
import { TemplateError, type TemplateRecord, type TemplateValue } from '../go-template/values.ts'
import type { Labels } from '../labels/labels.ts'
import { templateFunctions, type TemplateGround } from './template-functions.ts'

/** A label or annotation of a rule, ready to be expanded; most are only text. */
export type RuleTemplate =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'template'; readonly name: string; readonly template: Template }

/** The alert that a template speaks of. */
export interface TemplateSubject {
  readonly labels: Labels
  readonly value: number
}

const VARIABLES = ['$labels', '$externalLabels', '$externalURL', '$value']
const NO_GROUND: TemplateGround = {
  query: () => Promise.resolve([]),
  externalUrl: 'http://localhost',
  timeMs: 0,
}
/** What templates of rules and of notifications may call. */
export const templateFunctionNames: ReadonlySet<string> = new Set([
  ...goFunctions.keys(),
  ...templateFunctions(NO_GROUND).keys(),
])

/** Reads one label or annotation of a rule. Throws `TemplateError`. */
export function parseRuleTemplate(alert: string, text: string): RuleTemplate {
  if (!text.includes('{{')) return { kind: 'text', text }
  const template = parseTemplate(text, {
    functions: templateFunctionNames,
    variables: VARIABLES,
  })
  return { kind: 'template', name: `__alert_${alert}`, template }
}

/** Expands it. A template that fails says so in its place, as in Prometheus: an alert is told all the same. */
export async function expandRuleTemplate(
  parsed: RuleTemplate,
  { labels, value }: TemplateSubject,
  ground: TemplateGround,
): Promise<string> {
  if (parsed.kind === 'text') return parsed.text
  const labelMap = new Map(labels.names.map((name, at) => [name, labels.values[at]!]))
  const none: ReadonlyMap<string, string> = new Map()
  const fields = new Map<string, TemplateValue>([
    ['Labels', labelMap],
    ['ExternalLabels', none],
    ['ExternalURL', ground.externalUrl],
    ['Value', value],
  ])
  const dot: TemplateRecord = { fields, text: () => '' }
  try {
    return await runTemplate(parsed.template, {
      dot,
      functions: templateFunctions(ground),
      variables: new Map<string, TemplateValue>([
        ['$labels', labelMap],
        ['$externalLabels', none],
        ['$externalURL', ground.externalUrl],
        ['$value', value],
      ]),
    })
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const place = error instanceof TemplateError ? `template: ${parsed.name}:` : ''
    return `<error expanding template: error executing template ${parsed.name}: ${place}${reason}>`
  }
}
