import type { Clock } from '../../../platform/capability.ts'
import { ownEntry } from '../../../platform/own-entry.ts'
import type { AccountKey } from './account-key.ts'
import { AcmeError, type AcmeProblem, errorOfProblem } from './acme-error.ts'
import { retryAtMs } from './retry-after.ts'
import type { AcmeAnswer, Transport } from './transport.ts'

/** A request whose nonce is refused is sent again with the one of the refusal (RFC 8555 section 6.5); authorities may do that a lot. */
const NONCE_TRIES_MAX = 20
/** Nonces that were told and not used yet. */
const NONCES_MAX = 8

/** What a directory names (RFC 8555 section 7.1.1). */
export interface Directory {
  readonly newNonce: string
  readonly newAccount: string
  readonly newOrder: string
  /** RFC 9773; '' where it is not offered. */
  readonly renewalInfo: string
}

/** An answer of a signed request. */
export interface Answer {
  /** Parsed JSON; `{}` for none. */
  readonly value: Readonly<Record<string, unknown>>
  readonly text: string
  readonly location: string
  /** Unix milliseconds, 0 for none. */
  readonly retryAtMs: number
}

/** Who signs a request: an account by its address, or its key where the address is not known yet. */
export type Signer = { readonly kid: string } | { readonly isNew: true }

export interface SessionOptions {
  readonly directoryUrl: string
  readonly key: AccountKey
  readonly transport: Transport
  readonly clock: Clock
}

/** Signed requests to one authority, with its directory and its nonces. */
export class AcmeSession {
  readonly key: AccountKey
  readonly #options: SessionOptions
  #directory: Directory | undefined
  readonly #nonces: string[] = []

  constructor(options: SessionOptions) {
    this.#options = options
    this.key = options.key
  }

  /** Read once. @throws AcmeError */
  async directory(): Promise<Directory> {
    if (this.#directory !== undefined) return this.#directory
    const { directoryUrl, transport } = this.#options
    const answer = await transport({ method: 'GET', url: directoryUrl })
    const value = this.#judge(answer)
    const read = (name: string): string => {
      const url = ownEntry(value, name)
      if (typeof url === 'string') return url
      throw new AcmeError(
        'ERR_CERTIFICATE_ACME_UNREACHABLE',
        `${directoryUrl} is no directory of ACME: it does not name ${name}`,
      )
    }
    this.#directory = {
      newNonce: read('newNonce'),
      newAccount: read('newAccount'),
      newOrder: read('newOrder'),
      renewalInfo: value['renewalInfo'] === undefined ? '' : read('renewalInfo'),
    }
    return this.#directory
  }

  /** A POST; without a payload one that only reads (RFC 8555 section 6.3). @throws AcmeError */
  async post(url: string, signer: Signer, payload?: unknown): Promise<Answer> {
    const text = payload === undefined ? '' : JSON.stringify(payload)
    const who = 'kid' in signer ? { kid: signer.kid } : { jwk: this.key.jwk }
    for (let tries = 1; ; tries++) {
      const nonce = this.#nonces.pop() ?? (await this.#newNonce())
      const body = this.key.signed({ ...who, nonce, url }, text)
      const answer = await this.#options.transport({ method: 'POST', url, body })
      this.#keepNonce(answer)
      try {
        return {
          value: this.#judge(answer),
          text: answer.text,
          location: answer.header('location'),
          retryAtMs: this.#retryAtMs(answer),
        }
      } catch (error) {
        const isNonce = error instanceof AcmeError && error.type === 'badNonce'
        if (!isNonce || tries >= NONCE_TRIES_MAX) throw error
      }
    }
  }

  /** Unsigned, as RFC 9773 has it. @throws AcmeError */
  async get(url: string): Promise<Answer> {
    const answer = await this.#options.transport({ method: 'GET', url })
    const value = this.#judge(answer)
    return { value, text: answer.text, location: '', retryAtMs: this.#retryAtMs(answer) }
  }

  async #newNonce(): Promise<string> {
    const { newNonce } = await this.directory()
    const answer = await this.#options.transport({ method: 'HEAD', url: newNonce })
    const nonce = answer.header('replay-nonce')
    if (nonce !== '') return nonce
    throw new AcmeError(
      'ERR_CERTIFICATE_ACME_UNREACHABLE',
      `the authority answered ${answer.status}, and gave no nonce`,
    )
  }

  #keepNonce(answer: AcmeAnswer): void {
    const nonce = answer.header('replay-nonce')
    if (nonce !== '' && this.#nonces.length < NONCES_MAX) this.#nonces.push(nonce)
  }

  #retryAtMs(answer: AcmeAnswer): number {
    return retryAtMs(answer.header('retry-after'), this.#options.clock.nowMs())
  }

  /** @throws AcmeError for what is an error, or no JSON where it says that it is */
  #judge(answer: AcmeAnswer): Readonly<Record<string, unknown>> {
    const { status, text } = answer
    const value = parseObject(text)
    if (status >= 200 && status < 300) {
      const isJson = /json/i.test(answer.header('content-type'))
      if (value !== undefined || !isJson) return value ?? {}
      throw new AcmeError('ERR_CERTIFICATE_ACME_UNREACHABLE', "the authority's answer is no JSON")
    }
    throw errorOfProblem(status, value as AcmeProblem | undefined, this.#retryAtMs(answer))
  }
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isObject ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
