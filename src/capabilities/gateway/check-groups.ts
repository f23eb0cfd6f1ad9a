import { nearestWord } from '../../mechanisms/nearest-word/nearest-word.ts'
import type { SettingPath, SettingProblem } from '../../platform/config/problems.ts'
import { ownEntry } from '../../platform/own-entry.ts'
import { checkPolicies } from './check-policies.ts'
import { ownPolicies } from './inherit-policies.ts'
import type { GroupSettings, PolicyRoute } from './policy-settings.ts'
import type { GatewaySettings } from './schema.ts'
import type { TrustedIssuers } from './trusted-issuers.ts'

type Gateway = Pick<GatewaySettings, 'routes' | 'groups' | 'policies' | 'issuers'>

/** What routes share: each is looked at once, where it stands, and each name must be that of a group. */
export function checkGroups(gateway: Gateway, issuers: TrustedIssuers): readonly SettingProblem[] {
  const { routes, groups, policies } = gateway
  return [
    ...checkGroup(policies, ['gateway', 'policies'], issuers),
    ...Object.entries(groups).flatMap(([name, group]) =>
      checkGroup(group, ['gateway', 'groups', name], issuers),
    ),
    ...routes.flatMap((route, index) =>
      route.groups.flatMap((name, at): SettingProblem[] => {
        const path = ['gateway', 'routes', index, 'groups', at]
        if (ownEntry(groups, name) !== undefined) return []
        const near = nearestWord(name, Object.keys(groups))
        const meant = near === undefined ? 'define it in gateway.groups' : `did you mean ${near}?`
        return [
          {
            path,
            code: 'ERR_CONFIG_VALUE_INVALID',
            message: `there is no group ${name}; ${meant}`,
          },
        ]
      }),
    ),
  ]
}

/** A group knows no path: only what every route has may stand in its patterns. */
function checkGroup(
  group: GroupSettings,
  path: SettingPath,
  issuers: TrustedIssuers,
): readonly SettingProblem[] {
  const conditions = Object.entries(group.headers).flatMap(([name, value]): SettingProblem[] => {
    if (typeof value !== 'string') return []
    const message =
      'is a text, which a route demands of a request; a group has only request and response, for what is changed'
    return [{ path: [...path, 'headers', name], code: 'ERR_CONFIG_CONFLICT', message }]
  })
  const route: PolicyRoute = { ...ownPolicies(group), path: '/', methods: [] }
  return [...conditions, ...checkPolicies(route, path, issuers)]
}
