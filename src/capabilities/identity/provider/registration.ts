import { errors, type KoaContextWithOIDC } from 'oidc-provider'

/** Nobody gives himself scopes of APIs, or a pass by the people who are asked (RFC 7591). */
export function refuseOwnMetadata(
  ctx: KoaContextWithOIDC | undefined,
  key: string,
  value: unknown,
): void {
  if (ctx?.oidc.route !== 'registration' && ctx?.oidc.route !== 'client_update') return
  if (value !== undefined) {
    throw new errors.InvalidClientMetadata(`${key} is set by an operator`)
  }
}
