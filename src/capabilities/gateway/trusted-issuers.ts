import { DEFAULT_AUDIENCE } from '../../contracts/identity-state.ts'
import { OWN_ISSUER } from '../../contracts/issuers.ts'

/** Whose tokens routes may take. */
export interface TrustedIssuers {
  /** Those of `gateway.issuers`, and our own where the file has identity. */
  readonly names: readonly string[]
  /** Who our own tokens are for, where they ask for nothing else; undefined where the file has no identity. */
  readonly ownAudience: string | undefined
}

/** What is looked at. */
export interface IssuingSettings {
  readonly gateway: { readonly issuers: Readonly<Record<string, unknown>> }
  readonly identity?: { readonly audience?: string | undefined } | undefined
}

/** Everybody who signs tokens by this file: whoever has identity needs to say nothing more. */
export function trustedIssuers({ gateway, identity }: IssuingSettings): TrustedIssuers {
  const names = Object.keys(gateway.issuers)
  if (identity === undefined) return { names, ownAudience: undefined }
  return { names: [...names, OWN_ISSUER], ownAudience: identity.audience ?? DEFAULT_AUDIENCE }
}
