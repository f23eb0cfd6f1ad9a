import type { Settings } from '../../settings.ts'
import type { CertificatesConfig } from './api.ts'

/** What this capability takes from the file; `folder` is the file's. */
export function certificatesConfig(
  { tls, gateway }: Settings,
  folder: string,
  dataDir: string,
): CertificatesConfig {
  const hosts = [...gateway.routes.flatMap(({ host }) => host ?? []), ...gateway.hosts]
  const names = hosts.filter((host) => host !== '*').map((host) => host.toLowerCase())
  return { tls, folder, dataDir, hosts: [...new Set(names)] }
}
