/** What can be wrong with a certificate and its key. */
export type CertificateFault =
  | 'ERR_CERTIFICATE_UNREADABLE'
  | 'ERR_CERTIFICATE_MALFORMED'
  | 'ERR_CERTIFICATE_EXPIRED'
  | 'ERR_CERTIFICATE_NOT_YET_VALID'
  | 'ERR_CERTIFICATE_NO_NAME'
  | 'ERR_CERTIFICATE_CHAIN_BROKEN'
  | 'ERR_CERTIFICATE_KEY_MISSING'
  | 'ERR_CERTIFICATE_KEY_UNUSABLE'
  | 'ERR_CERTIFICATE_KEY_MISMATCH'
  | 'ERR_CERTIFICATE_REFUSED'
  | 'ERR_CERTIFICATE_STORE'

/** A certificate that cannot be used, with the file that is to blame. No text of a file is in it. */
export class CertificateError extends Error {
  override readonly name = 'CertificateError'
  readonly code: CertificateFault
  readonly file: string

  constructor(code: CertificateFault, file: string, reason: string) {
    super(`${file} ${reason}`)
    this.code = code
    this.file = file
  }
}

/** Certificates of the file that cannot be used: nothing of the configuration comes into force. */
export class CertificatesUnusableError extends Error {
  override readonly name = 'CertificatesUnusableError'
  readonly code = 'ERR_CERTIFICATE_UNUSABLE'
  readonly faults: readonly CertificateError[]

  constructor(faults: readonly CertificateError[]) {
    super(faults.map(({ message, code }) => `${message} (${code})`).join('; '))
    this.faults = faults
  }
}
