/** RFC 1123, in lower or upper case; a name of one label is nobody's. */
const PUBLIC_NAME =
  /^(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]*[a-z0-9])?$/i
/** Names that no public authority signs (RFC 6761, RFC 6762, and the one that is reserved for private use). */
const RESERVED = /\.(?:localhost|local|test|invalid|example|internal|onion)$/

/** Whether it is a host name that an authority could sign. */
export function isSignable(name: string): boolean {
  return PUBLIC_NAME.test(name)
}

/** Hosts that get a certificate: those of the settings, else those that the gateway answers to and that anybody could find. Lower case. */
export function acmeHosts(said: readonly string[], known: readonly string[]): readonly string[] {
  const hosts =
    said.length > 0 ? said : known.filter((host) => isSignable(host) && !RESERVED.test(host))
  return [...new Set(hosts.map((host) => host.toLowerCase()))]
}
