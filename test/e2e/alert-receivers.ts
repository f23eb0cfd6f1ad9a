import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import { createServer as createTcpServer, type AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'

/** What a receiver got. */
export interface Received {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: unknown
}

/** A receiver of webhooks whose answers a test says. */
export interface WebhookDouble extends AsyncDisposable {
  readonly port: number
  readonly received: readonly Received[]
  /** What it answers. */
  status: number
}

/** Listens on a port of loopback; 0: any. */
export async function startWebhook(port = 0): Promise<WebhookDouble> {
  const received: Received[] = []
  const server: Server = createServer((request, response) => {
    void json(request).then((body) => {
      received.push({ path: request.url ?? '', headers: request.headers, body })
      response.writeHead(double.status).end('{}')
    })
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const double: WebhookDouble = {
    port: (server.address() as AddressInfo).port,
    received,
    status: 200,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return double
}

/** A mail server that takes every mail. */
export interface SmtpDouble extends AsyncDisposable {
  readonly port: number
  /** Each mail as it came, head and body. */
  readonly mails: readonly string[]
  /** What was said by `AUTH PLAIN`, decoded. */
  readonly logins: readonly string[]
}

/** Speaks as much of RFC 5321 as a mail needs, with a login. */
export async function startSmtp(): Promise<SmtpDouble> {
  const mails: string[] = []
  const logins: string[] = []
  const server = createTcpServer((socket) => {
    let mail: string | undefined
    let rest = ''
    const say = (text: string) => socket.write(`${text}\r\n`)
    const hear = (line: string): void => {
      if (mail !== undefined) {
        if (line === '.') {
          mails.push(mail)
          mail = undefined
          say('250 taken')
        } else mail += `${line}\n`
        return
      }
      const [verb = '', mechanism = '', argument = ''] = line.split(' ')
      switch (verb.toUpperCase()) {
        case 'EHLO':
          say('250-double\r\n250 AUTH PLAIN')
          break
        case 'AUTH':
          logins.push(
            `${mechanism} ${Buffer.from(argument, 'base64').toString().replaceAll('\0', '|')}`,
          )
          say('235 welcome')
          break
        case 'DATA':
          mail = ''
          say('354 go on')
          break
        case 'QUIT':
          say('221 bye')
          socket.end()
          break
        default:
          say('250 fine')
      }
    }
    say('220 double ESMTP')
    socket.on('error', () => {})
    socket.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\r\n')
      rest = lines.pop() ?? ''
      for (const line of lines) hear(line)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    mails,
    logins,
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
