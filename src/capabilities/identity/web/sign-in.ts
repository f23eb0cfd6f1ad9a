import { HashingBusyError, PASSWORD_CHARACTERS_MAX, passwordFault } from '../accounts/passwords.ts'
import { ACCOUNT_TEXT_MAX } from '../accounts/accounts.ts'
import { checkForm, formToken, readForm } from '../pages/forms.ts'
import {
  consentPage,
  recoverPage,
  registerPage,
  signInPage,
  type SignInView,
} from '../pages/sign-in-pages.ts'
import type { Page } from '../pages/layout.ts'
import { endSession } from './account.ts'
import { consent } from './consent.ts'
import { redirect, sendPage, type Exchange, type WebGround } from './exchange.ts'
import type { SignIn, Step } from './step.ts'
import { signInWithPasskey } from './sign-in-passkey.ts'

/** The same for an unknown name and a wrong password: nobody learns which names there are. */
const WRONG = 'Name or password is wrong.'
/** Seconds after which who met a full queue of hashes may come back. */
const BUSY_S = 5

/** Answers below `/interaction/UID`. Throws `ProblemError`, and what the server throws where there is no such sign-in. */
export async function answerSignIn(exchange: Exchange, ground: WebGround): Promise<void> {
  const { request, response, path } = exchange
  const signIn = await ground.provider.interactionDetails(request, response)
  const [, , uid = '', step = '', more = ''] = path.split('/')
  if (uid !== signIn.uid) return redirect(exchange, pathOf(signIn, ground))
  const found = await ground.provider.Client.find(String(signIn.params['client_id']))
  const client = found?.clientName ?? found?.clientId ?? ''
  const empty = { exchange, ground, signIn, client, form: new URLSearchParams() }
  if (request.method === 'GET') return showStep(empty, step)
  if (step === 'passkey') return signInWithPasskey(empty, more)
  const form = await readForm(request)
  const origin = new URL(ground.state.issuer).origin
  checkForm(request, form, formToken(ground.formSecret, uid), origin)
  return takeForm({ ...empty, form }, step)
}

async function takeForm(to: Step, step: string): Promise<void> {
  const { exchange, ground, signIn } = to
  const isLogin = signIn.prompt.name === 'login'
  switch (step) {
    case 'login':
      if (isLogin) return withPatience(to, signInWithPassword)
      break
    case 'register':
      if (isLogin) return withPatience(to, register)
      break
    case 'recover':
      if (isLogin) return withPatience(to, recover)
      break
    case 'consent':
      if (signIn.prompt.name === 'consent') return consent(exchange, ground, signIn)
      break
    case 'cancel':
      return finish(exchange, ground, {
        error: 'access_denied',
        error_description: 'the person cancelled',
      })
  }
  redirect(exchange, pathOf(signIn, ground))
}

function pathOf({ uid }: SignIn, { look }: WebGround): string {
  return `${look.base}/interaction/${uid}`
}

/** What the pages show of this sign-in. */
function viewOf({ signIn, ground, client, form }: Step, error: string): SignInView {
  const { params } = signIn
  const hint = params['login_hint']
  return {
    action: pathOf(signIn, ground),
    token: formToken(ground.formSecret, signIn.uid),
    client,
    redirectUri: params['redirect_uri'],
    mayRegister: ground.state.accounts.mayRegister,
    login: form.get('login') ?? (typeof hint === 'string' ? hint : ''),
    error,
  }
}

function showStep(to: Step, step: string): void {
  const { exchange, ground, signIn } = to
  const { passwordLengthMin, mayRegister } = ground.state.accounts
  const view = { ...viewOf(to, ''), passwordLengthMin }
  const page = (): Page => {
    if (signIn.prompt.name === 'consent') return consentPage({ ...view, ...askedBy(signIn) })
    if (step === 'register' && mayRegister) return registerPage(view)
    if (step === 'recover') return recoverPage(view)
    return signInPage(view)
  }
  sendPage(exchange, ground, page())
}

/** What consent is asked for. */
function askedBy({ prompt }: SignIn) {
  const { missingOIDCScope = [], missingResourceScopes = {} } = prompt.details as {
    readonly missingOIDCScope?: readonly string[]
    readonly missingResourceScopes?: Readonly<Record<string, readonly string[]>>
  }
  return {
    scopes: [...missingOIDCScope, ...Object.values(missingResourceScopes).flat()],
    audiences: Object.keys(missingResourceScopes),
  }
}

/** Who guesses waits; who comes while too many sign in is told so. */
async function withPatience(to: Step, work: (to: Step) => Promise<void>): Promise<void> {
  const { exchange, ground, form } = to
  const waitMs = ground.throttle.waitMs(form.get('login') ?? '', exchange.address)
  const refuse = (text: string, seconds: number) =>
    sendPage(exchange, ground, signInPage(viewOf(to, text)), 429, {
      'retry-after': String(seconds),
    })
  if (waitMs > 0) {
    const seconds = Math.ceil(waitMs / 1000)
    return refuse(`Too many tries. Wait ${seconds} s, then try again.`, seconds)
  }
  const end = ground.throttle.begin(form.get('login') ?? '', exchange.address)
  try {
    await work(to)
  } catch (error) {
    if (!(error instanceof HashingBusyError)) throw error
    refuse(error.message, BUSY_S)
  } finally {
    end()
  }
}

async function signInWithPassword(to: Step): Promise<void> {
  const { exchange, ground, form } = to
  const login = form.get('login') ?? ''
  const password = form.get('password') ?? ''
  const isTooLong = login.length > ACCOUNT_TEXT_MAX || password.length > PASSWORD_CHARACTERS_MAX
  const account = isTooLong ? undefined : await ground.accounts.checkPassword(login, password)
  if (account === undefined) {
    ground.throttle.failed(login, exchange.address)
    return sendPage(exchange, ground, signInPage(viewOf(to, WRONG)), 403)
  }
  ground.throttle.succeeded(login, exchange.address)
  return finishLogin(exchange, ground, account.id, ['pwd'])
}

async function register(to: Step): Promise<void> {
  const { exchange, ground, signIn, form } = to
  const { passwordLengthMin, mayRegister } = ground.state.accounts
  const login = (form.get('login') ?? '').trim()
  const name = (form.get('name') ?? '').trim()
  const password = form.get('password') ?? ''
  const refuse = (error: string, status = 400) =>
    sendPage(exchange, ground, registerPage({ ...viewOf(to, error), passwordLengthMin }), status)
  if (!mayRegister) return redirect(exchange, pathOf(signIn, ground))
  if (login === '' || login.length > ACCOUNT_TEXT_MAX || name.length > ACCOUNT_TEXT_MAX) {
    return refuse(`A name has 1 to ${ACCOUNT_TEXT_MAX} characters.`)
  }
  const fault = passwordFault(password, passwordLengthMin)
  if (fault !== '') return refuse(fault)
  const email = login.includes('@') ? login : ''
  const account = await ground.accounts.add({ login, name, email, password })
  if (account === undefined) {
    // Whoever tries names learns which are taken, as everywhere where names are chosen: he is slowed down.
    ground.throttle.failed(login, exchange.address)
    return refuse('This name is taken.', 409)
  }
  return finishLogin(exchange, ground, account.id, ['pwd'])
}

async function recover(to: Step): Promise<void> {
  const { exchange, ground, form } = to
  const { passwordLengthMin } = ground.state.accounts
  const login = form.get('login') ?? ''
  const password = form.get('password') ?? ''
  const refuse = (error: string, status: number) =>
    sendPage(exchange, ground, recoverPage({ ...viewOf(to, error), passwordLengthMin }), status)
  const fault = passwordFault(password, passwordLengthMin)
  if (fault !== '') return refuse(fault, 400)
  const code = form.get('code') ?? ''
  const account =
    login.length > ACCOUNT_TEXT_MAX || code.length > ACCOUNT_TEXT_MAX
      ? undefined
      : await ground.accounts.useRecoveryCode(login, code, password)
  if (account === undefined) {
    ground.throttle.failed(login, exchange.address)
    return refuse('Name or code is wrong, or the code was used.', 403)
  }
  ground.throttle.succeeded(login, exchange.address)
  // Whoever knew the old password may sit in a session.
  for (const session of await ground.entries.list('Session', account.id)) {
    await endSession(session, ground)
  }
  return finishLogin(exchange, ground, account.id, ['otp'])
}

/** Goes on as this account; the session gets a new id. `amr` as in RFC 8176. */
function finishLogin(
  exchange: Exchange,
  ground: WebGround,
  accountId: string,
  amr: readonly string[],
): Promise<void> {
  return finish(exchange, ground, { login: { accountId, amr: [...amr], remember: true } })
}

function finish(
  { request, response }: Exchange,
  { provider }: WebGround,
  result: Parameters<typeof provider.interactionFinished>[2],
): Promise<void> {
  return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false })
}
