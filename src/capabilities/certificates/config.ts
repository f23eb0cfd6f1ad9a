import type { Settings } from '../../settings.ts'
import type { CertificatesConfig } from './api.ts'
import type { ServiceTls } from './settings.ts'

/** What this capability takes from the file; `folder` is the file's. */
export function certificatesConfig(
  { tls, gateway, services }: Settings,
  folder: string,
  dataDir: string,
): CertificatesConfig {
  const hosts = [...gateway.routes.flatMap(({ host }) => host ?? []), ...gateway.hosts]
  const names = hosts.filter((host) => host !== '*').map((host) => host.toLowerCase())
  const secure = Object.entries(services).flatMap(([name, service]): [string, ServiceTls][] =>
    service.tls === false ? [] : [[name, service.tls === true ? {} : service.tls]],
  )
  return { tls, folder, dataDir, hosts: [...new Set(names)], services: new Map(secure) }
}
