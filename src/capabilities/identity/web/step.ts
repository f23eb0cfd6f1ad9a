import type { Interaction } from 'oidc-provider'
import type { Exchange, WebGround } from './exchange.ts'

/** A sign-in that is under way: what the browser's cookie names. */
export type SignIn = InstanceType<typeof Interaction>

/** One request of one sign-in. */
export interface Step {
  readonly exchange: Exchange
  readonly ground: WebGround
  readonly signIn: SignIn
  /** How the client calls itself. */
  readonly client: string
  /** What was typed. */
  readonly form: URLSearchParams
}
