import { ProblemError } from '../../../platform/problem.ts'
import { checkForm, formToken, readBody } from '../pages/forms.ts'
import { sendJson, type Exchange, type WebGround } from './exchange.ts'
import type { Step } from './step.ts'

/** What the script of a page sends. */
interface ScriptMessage {
  readonly form_token?: unknown
  readonly response?: unknown
  readonly name?: unknown
}

/** Reads JSON from our own script and checks that it is. Throws `ProblemError`. */
export async function readScript(
  { request }: Exchange,
  ground: WebGround,
  bound: string,
): Promise<ScriptMessage> {
  let message: ScriptMessage | null
  try {
    message = JSON.parse((await readBody(request)).toString('utf8')) as ScriptMessage | null
  } catch (error) {
    if (error instanceof ProblemError) throw error
    throw new ProblemError(400, 'ERR_HTTP_BAD_REQUEST', 'This is not JSON.')
  }
  const token = message?.form_token
  const form = { get: () => (typeof token === 'string' ? token : null) }
  const origin = new URL(ground.state.issuer).origin
  checkForm(request, form, formToken(ground.formSecret, bound), origin)
  return message ?? {}
}

/** `POST .../passkey/options`, then `POST .../passkey`: the script of the page speaks to both. */
export async function signInWithPasskey(
  { exchange, ground, signIn }: Step,
  more: string,
): Promise<void> {
  const { request, response, address } = exchange
  const { passkeys, throttle, provider } = ground
  const message = await readScript(exchange, ground, signIn.uid)
  if (signIn.prompt.name !== 'login') return sendJson(exchange, { error: 'Begin again.' }, 409)
  if (more === 'options') return sendJson(exchange, await passkeys.beginSignIn(signIn.uid))
  if (throttle.waitMs('passkey', address) > 0) {
    return sendJson(exchange, { error: 'Too many tries. Wait a minute.' }, 429)
  }
  const accountId = await passkeys.finishSignIn(signIn.uid, message.response)
  const account = accountId === undefined ? undefined : await ground.accounts.find(accountId)
  if (account === undefined || account.isDisabled) {
    throttle.failed('passkey', address)
    return sendJson(exchange, { error: 'This passkey opens no account here.' }, 403)
  }
  const location = await provider.interactionResult(
    request,
    response,
    { login: { accountId: account.id, amr: ['hwk', 'user'], remember: true } },
    { mergeWithLastSubmission: false },
  )
  sendJson(exchange, { location })
}
