import { nearestWord } from '../../mechanisms/nearest-word/nearest-word.ts'
import type { SettingPath, SettingProblem } from './problems.ts'

/** A problem for a name that no service has, with the nearest one. */
export function checkServiceName(
  name: string,
  services: Readonly<Record<string, unknown>>,
  path: SettingPath,
): readonly SettingProblem[] {
  const code = 'ERR_CONFIG_UNKNOWN_SERVICE'
  if (Object.hasOwn(services, name)) return []
  const known = Object.keys(services)
  const nearest = nearestWord(name, known)
  const advice = nearest === undefined ? 'declare it under services' : `did you mean ${nearest}?`
  const message = `there is no service ${name}; ${advice}`
  return [{ path, code, message, nearest, missing: name }]
}

/** The variable that tells others where a service is: `payment-service` is `PAYMENT_SERVICE_URL`. */
export function urlVariable(service: string): string {
  return `${service.toUpperCase().replaceAll('-', '_')}_URL`
}

/** The variable in which service discovery of .NET (and Aspire) looks: `services__payment-service__http__0`. */
export function dotnetVariable(service: string): string {
  return `services__${service}__http__0`
}
