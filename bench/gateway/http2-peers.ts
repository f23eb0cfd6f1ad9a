import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { SnapshotOp } from '../../src/contracts/snapshot.ts'
import { spawnData } from '../../src/dataplane/testing/spawned-data.ts'
import {
  gatewaySpec,
  instanceSpec,
  routeSpec,
  serviceSpec,
  testLimits,
} from '../../src/dataplane/testing/specs.ts'
import { processTree } from './cpu.ts'
import { freePort, NGINX, nginxConf, type Peer, startProgram } from './peers.ts'

const HAPROXY = '/usr/sbin/haproxy'
const BODY =
  '{"id":1,"name":"widget","price":42,"tags":["a","b","c"],"description":"lorem ipsum dolor sit amet"}'

/** Ports of the services behind all proxies. */
export interface Backends {
  readonly http1: number
  readonly h2c: number
  readonly grpc: number
}

/** One nginx that answers at once: over HTTP/1.1, over HTTP/2, and as a gRPC service would (a message of five bytes, and trailers). */
export async function startBackends(folder: string): Promise<Peer & { readonly at: Backends }> {
  const at = { http1: await freePort(), h2c: await freePort(), grpc: await freePort() }
  writeFileSync(join(folder, 'message'), Buffer.from([0, 0, 0, 0, 0]))
  const file = nginxConf(
    folder,
    'backends',
    `access_log off; types { } http2_max_concurrent_streams 1024; keepalive_timeout 1h;
server { listen 127.0.0.1:${at.http1}; location / { default_type application/json; return 200 '${BODY}'; } }
server { listen 127.0.0.1:${at.h2c} http2; location / { default_type application/json; return 200 '${BODY}'; } }
server { listen 127.0.0.1:${at.grpc} http2; location / { default_type application/grpc; add_trailer grpc-status 0; error_page 405 =200 $uri;
root ${folder}; try_files /message =404; } }`,
  )
  const peer = await startProgram('backends', at.grpc, [NGINX, '-c', file])
  return { ...peer, at }
}

/** nginx with one worker: HTTP/1.1 or HTTP/2 in, and out as `pass` says. */
export async function startNginxProxy(
  folder: string,
  name: string,
  isHttp2: boolean,
  upstream: number,
  pass: 'proxy_pass' | 'grpc_pass',
): Promise<Peer> {
  const port = await freePort()
  const out =
    pass === 'grpc_pass'
      ? 'grpc_pass grpc://u;'
      : 'proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header X-Forwarded-For $remote_addr;'
  const file = nginxConf(
    folder,
    name.replaceAll(/\W/g, '-'),
    `access_log off; keepalive_timeout 1h; upstream u { server 127.0.0.1:${upstream}; keepalive 256; keepalive_requests 1000000000; }
server { listen 127.0.0.1:${port}${isHttp2 ? ' http2' : ''}; location / { ${out} } }`,
  )
  return startProgram(name, port, [NGINX, '-c', file])
}

/** HAProxy with one thread, HTTP/2 both sides; undefined where it is not installed. */
export async function startHaproxy(folder: string, upstream: number): Promise<Peer | undefined> {
  if (!existsSync(HAPROXY)) return undefined
  const port = await freePort()
  const file = join(folder, 'haproxy.cfg')
  writeFileSync(
    file,
    `global\n  nbthread 1\ndefaults\n  mode http\n  timeout client 1h\n  timeout server 1h\n  timeout connect 5s\n` +
      `frontend f\n  bind 127.0.0.1:${port} proto h2\n  default_backend b\nbackend b\n  http-reuse always\n  server s 127.0.0.1:${upstream} proto h2\n`,
  )
  return startProgram('haproxy', port, [HAPROXY, '-f', file, '-db'])
}

/** Our data plane with one worker; the service speaks `protocol`. */
export async function startBackplaneTo(
  name: string,
  upstream: number,
  protocol: 'http1' | 'h2c',
): Promise<Peer> {
  const data = await spawnData(1)
  const control = await data.control()
  const ops: SnapshotOp[] = [
    { op: 'service', service: serviceSpec({ protocol }) },
    { op: 'instance', instance: instanceSpec(upstream, { id: 'echo-1' }) },
    {
      op: 'gateway',
      gateway: gatewaySpec({
        limits: { ...testLimits, headBytesMax: 65_536 },
        routes: [routeSpec()],
      }),
    },
  ]
  const [listener] = await control.update(ops, true)
  return {
    name,
    port: listener!.port,
    pids: () => processTree(data.child.pid!),
    stop: async () => void (await data.stop()),
  }
}
