import type { RuleGroup } from '../../../mechanisms/alert-rules/rules.ts'
import type { Part, Prepared, Problem, Scope } from '../../../platform/capability.ts'
import { watchFiles } from '../../../platform/config/watch.ts'
import { ownGroups, type ServiceAlerts } from '../slo/own-groups.ts'
import { type LoadedRules, loadRules, RulesInvalidError, type RulesSaid } from './load-rules.ts'

/** What the file says, and where it lies. */
export interface AlertRulesConfig {
  readonly alerts: RulesSaid & { readonly defaults: boolean }
  readonly services: Readonly<Record<string, ServiceAlerts>>
  readonly scrapeInterval: number
  readonly folder: string
}

/** What metrics evaluates. */
export interface AlertRules {
  /** Every group that is in force. */
  readonly groups: () => readonly RuleGroup[]
  /** Calls back when that changes. */
  readonly onChange: (listener: () => void) => void
}

/**
 * The rules of the file and of its rule files, read and checked. At a start what is wrong with them is a problem, and everything else runs; a reload with
 * wrong rules is refused as a whole. A rule file that changes is read again; while it is wrong, what was in force stays.
 */
export async function startAlertRules(
  config: AlertRulesConfig,
  _needs: object,
  scope: Scope,
): Promise<Part<AlertRulesConfig, AlertRules>> {
  const listeners: (() => void)[] = []
  let current = config
  let { groups, problems, paths } = await loadRules(config.alerts, config.folder)
  if (problems.length > 0) scope.log('error', 'rules cannot be used', { problems })

  const watcher = watchFiles(paths, () => void readAgain(), { clock: scope.clock })
  scope.onStop(() => watcher.close())

  function all(): readonly RuleGroup[] {
    const { alerts, services, scrapeInterval } = current
    return [...groups, ...ownGroups({ ...alerts, services, scrapeInterval })]
  }

  function put(loaded: LoadedRules): void {
    ;({ groups, problems, paths } = loaded)
    watcher.setFiles(paths)
    for (const listener of listeners) listener()
  }

  async function readAgain(): Promise<void> {
    const loaded = await loadRules(current.alerts, current.folder)
    if (loaded.problems.length === 0) {
      scope.log('info', 'rules were read again', { files: loaded.paths.length })
      put(loaded)
      return
    }
    problems = loaded.problems
    scope.log('error', 'rules cannot be used; those before stay in force', { problems })
  }

  return {
    api: { groups: all, onChange: (listener) => void listeners.push(listener) },
    async prepare(next): Promise<Prepared> {
      const loaded = await loadRules(next.alerts, next.folder)
      if (loaded.problems.length > 0) throw new RulesInvalidError(loaded.problems)
      return {
        commit() {
          current = next
          put(loaded)
        },
      }
    },
    problems: () => problems.slice(0, 20).map(problemOf),
  }
}

function problemOf(text: string): Problem {
  return { severity: 'error', code: 'ERR_ALERTS_RULES', service: '', instance: '', key: text, text }
}
