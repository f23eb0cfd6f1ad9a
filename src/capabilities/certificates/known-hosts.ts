/** What of `gateway` says host names. */
export interface GatewayHosts {
  readonly hosts: readonly string[]
  readonly routes: readonly { readonly host?: string | readonly string[] | undefined }[]
}

/** Every host name that the gateway answers to, lower case, without `*`; also wildcards. */
export function knownHosts({ hosts, routes }: GatewayHosts): readonly string[] {
  const all = [...routes.flatMap(({ host }) => host ?? []), ...hosts]
  return [...new Set(all.filter((host) => host !== '*').map((host) => host.toLowerCase()))]
}
