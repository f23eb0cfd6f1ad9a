import type { Settings } from '../../settings.ts'
import type { CertificatesConfig } from './api.ts'
import { knownHosts } from './known-hosts.ts'
import type { ServiceTls } from './schema.ts'

/** What this capability takes from the file; `folder` is the file's. */
export function certificatesConfig(
  { tls, gateway, services }: Settings,
  folder: string,
  dataDir: string,
): CertificatesConfig {
  const secure = Object.entries(services).flatMap(([name, service]): [string, ServiceTls][] =>
    service.tls === false ? [] : [[name, service.tls === true ? {} : service.tls]],
  )
  return { tls, folder, dataDir, hosts: knownHosts(gateway), services: new Map(secure) }
}
