import { z } from 'zod'
import { filled } from '../../platform/config/names.ts'
import { duration, secret } from '../../platform/config/units.ts'

const headers = () =>
  z
    .record(filled(), secret())
    .default({})
    .describe('Header fields of each request, such as Authorization.')
const resolved = () => z.boolean().default(true).describe('The end of alerts is told too.')
const matchers = () =>
  z
    .array(filled())
    .default([])
    .describe('Matchers as in Alertmanager: severity="page", service=~"shop|web".')

const receiver = z.strictObject({
  webhook: z
    .strictObject({
      url: secret().describe("Gets Alertmanager's message (version 4) by POST."),
      headers: headers(),
      resolved: resolved(),
    })
    .optional()
    .describe('Any program that takes what Alertmanager sends.'),
  slack: z
    .strictObject({
      url: secret().describe('Incoming webhook.'),
      channel: z.string().default('').describe('Default: that of the webhook.'),
      username: z.string().default('').describe('Default: that of the webhook.'),
      resolved: resolved(),
    })
    .optional()
    .describe('Slack, or what takes its messages.'),
  email: z
    .strictObject({
      to: z.array(filled()).min(1).describe('Addresses.'),
      resolved: resolved(),
    })
    .optional()
    .describe('Mail by alerts.smtp.'),
})

const times = {
  groupWait: duration({ min: '0s', max: '1h' })
    .optional()
    .describe('The first message of a group waits so long for others.'),
  groupInterval: duration({ min: '1s', max: '1d' })
    .optional()
    .describe('Changes of a group are told so often.'),
  repeatInterval: duration({ min: '1m', max: '365d' })
    .optional()
    .describe('What still fires is told again after so long.'),
}
const groupBy = () =>
  z
    .array(filled())
    .max(50)
    .optional()
    .describe('Alerts with the same values of these labels are told together; "..." is all labels.')

const leaf = {
  match: matchers(),
  receiver: filled().optional().describe('Default: that of the route above.'),
  groupBy: groupBy(),
  ...times,
  continue: z.boolean().default(false).describe('The routes behind it are asked too.'),
}

/** What `alerts` says of people and programs that are told. */
export function notifyShape() {
  return {
    receivers: z.record(filled(), receiver).default({}).describe('Who is told, by name.'),
    route: z
      .strictObject({
        receiver: filled()
          .optional()
          .describe('Who is told of what no route below matches; default: the first receiver.'),
        groupBy: groupBy(),
        ...times,
        routes: z
          .array(
            z.strictObject({
              ...leaf,
              routes: z.array(z.strictObject(leaf)).default([]).describe('Routes within this one.'),
            }),
          )
          .default([])
          .describe('Asked in order; the first that matches counts.'),
      })
      .prefault({})
      .describe(
        'Which receiver is told of which alerts; by default the first one of all, by alertname and service.',
      ),
    inhibit: z
      .array(
        z.strictObject({
          source: matchers(),
          target: matchers(),
          equal: z
            .array(filled())
            .default([])
            .describe('Both have the same values of these labels.'),
        }),
      )
      .default([])
      .describe('While an alert fires that source matches, those of target are not told.'),
    alertmanagers: z
      .array(
        z.strictObject({
          url: z.url({ protocol: /^https?$/ }).describe('Without /api/v2.'),
          headers: headers(),
        }),
      )
      .default([])
      .describe('Real Alertmanagers: they are told of every alert, and do the rest themselves.'),
    smtp: z
      .strictObject({
        host: filled().describe('The mail server.'),
        port: z.int().min(1).max(65_535).default(587).describe('Its port.'),
        from: filled().describe('The sender of mails.'),
        username: z.string().default('').describe('Default: no login.'),
        password: secret().optional().describe('Of this user.'),
        tls: z
          .enum(['starttls', 'implicit', 'off'])
          .default('starttls')
          .describe(
            'starttls refuses to go on without; implicit, as on port 465; off, for a server on this machine.',
          ),
      })
      .optional()
      .describe('How mails are sent.'),
  }
}
