import { urlOf } from '../../platform/config/addresses.ts'
import type { SettingsPart } from '../../platform/config/part.ts'
import type { PortClaim } from '../../platform/listeners/table.ts'
import { checkGateway, type GatewayChecked } from './check-settings.ts'
import { gatewaySection, serviceShape } from './schema.ts'

/** TCP routes listen, too. */
function claimPorts({ gateway: { routes } }: GatewayChecked): readonly PortClaim[] {
  return routes.flatMap(({ tcp }, index) =>
    tcp === undefined || tcp === 'off'
      ? []
      : [
          {
            path: ['gateway', 'routes', index, 'tcp'],
            name: `gateway.routes[${index}].tcp`,
            address: tcp,
          },
        ],
  )
}

/** The part of `backplane.yaml` that says how requests travel. */
export const gatewaySettings = {
  sections: { gateway: gatewaySection },
  service: serviceShape,
  listeners: {
    gateway: {
      protocol: 'http',
      port: 8080,
      about: 'HTTP for clients',
      kind: 'gateway',
      access: 'public',
      isOfData: true,
      variables: (address) => ({ BACKPLANE_GATEWAY_URL: urlOf(address) }),
    },
    'gateway-tls': {
      protocol: 'http',
      port: 8443,
      about: 'HTTPS for clients, where tls is configured',
      kind: 'gateway',
      access: 'public',
      section: 'tls',
      isOfData: true,
      variables: (address) => ({
        BACKPLANE_GATEWAY_TLS_URL: urlOf(address).replace(/^http:/, 'https:'),
      }),
    },
  },
  restart: ['gateway.workers'],
  check: checkGateway,
  claims: claimPorts,
} as const satisfies SettingsPart
