import { errors, type KoaContextWithOIDC } from 'oidc-provider'
import { redirectFault } from '../redirects.ts'

/** Addresses are checked for every client; and nobody gives himself scopes of APIs, or a pass by the people who are asked (RFC 7591). */
export function checkMetadata(
  ctx: KoaContextWithOIDC | undefined,
  key: string,
  value: unknown,
  metadata: { readonly redirect_uris?: unknown; readonly application_type?: unknown },
): void {
  const { redirect_uris: uris, application_type: type } = metadata
  for (const uri of Array.isArray(uris) ? uris : []) {
    const fault = redirectFault(String(uri), type === 'native')
    if (fault !== undefined)
      throw new errors.InvalidClientMetadata(`redirect_uris: ${uri} ${fault}`)
  }
  if (ctx?.oidc.route !== 'registration' && ctx?.oidc.route !== 'client_update') return
  if (value !== undefined) {
    throw new errors.InvalidClientMetadata(`${key} is set by an operator`)
  }
}
