import type { SettingPath, SettingProblem } from '../../platform/config/problems.ts'
import { LOAD_FACTOR } from '../../mechanisms/balancing/balancer.ts'
import { type BalancedService, STICKY_COOKIE } from './schema.ts'

/** Settings of balancing that mean nothing together. `path` is that of `balance`; what is the default is nobody's mistake. */
export function checkBalance(
  balance: BalancedService['balance'],
  path: SettingPath,
): readonly SettingProblem[] {
  const { algorithm, load, by, cookie } = balance
  const isHashed = algorithm === 'ring-hash' || algorithm === 'maglev'
  const only = (name: string, who: string): readonly SettingProblem[] => {
    const message = `means something with ${who} only; algorithm is ${algorithm}`
    return [{ path: [...path, name], code: 'ERR_CONFIG_CONFLICT', message, at: 'key' }]
  }
  return [
    ...(!isHashed && load !== LOAD_FACTOR ? only('load', 'ring-hash and maglev') : []),
    ...(!isHashed && by !== 'address' ? only('by', 'ring-hash and maglev') : []),
    ...(algorithm !== 'sticky-cookie' && cookie !== STICKY_COOKIE
      ? only('cookie', 'sticky-cookie')
      : []),
    ...checkPanic(balance, path),
    ...checkSubset(balance, path),
  ]
}

function checkPanic(
  { panic }: BalancedService['balance'],
  path: SettingPath,
): readonly SettingProblem[] {
  if (panic < 1) return []
  const message =
    'must be below 100%: at 100% the first ejection would be ignored, and with it every other; write ejection: { failures: 0 } and outliers: { slower: 0, failing: 0% } to have none'
  return [{ path: [...path, 'panic'], code: 'ERR_CONFIG_RANGE', message }]
}

/** RFC 9110 section 5.6.2: what is no token is no name of a header. */
function checkSubset(
  { subset }: BalancedService['balance'],
  path: SettingPath,
): readonly SettingProblem[] {
  if (subset === undefined || /^[\w!#$%&'*+.^`|~-]+$/.test(subset.header)) return []
  const message = `is no name of a header: ${subset.header}`
  return [{ path: [...path, 'subset', 'header'], code: 'ERR_CONFIG_VALUE_INVALID', message }]
}
