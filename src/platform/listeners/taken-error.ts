/** The listener's port is taken, or the address is not ours. */
export class ListenerTakenError extends Error {
  override readonly name = 'ListenerTakenError'
  readonly code = 'ERR_LISTENER_TAKEN'

  constructor(
    listener: string,
    address: { readonly host: string; readonly port: number },
    protocol: 'TCP' | 'UDP',
    cause: unknown,
  ) {
    const why = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown'
    const where = `${address.host}:${address.port}`
    super(
      `The listener '${listener}' cannot listen on ${where} (${protocol}, ${why}). End the program that has the port, or set listen.${listener} to another port.`,
      { cause },
    )
  }
}
