import { ProblemError } from '../../platform/problem.ts'

const STATUS = {
  ERR_KV_SESSION_INVALID: 500,
  ERR_KV_SESSION_NODE: 500,
  ERR_KV_SESSION_CHECK: 500,
  ERR_KV_SESSIONS_FULL: 507,
  ERR_KV_FULL: 507,
  ERR_KV_BUSY: 503,
} as const

/** Why keys or sessions could not be changed. Status and message are Consul's where Consul has some: clients match on them. */
export function kvError(code: keyof typeof STATUS, message: string): ProblemError {
  return new ProblemError(STATUS[code], code, message)
}
