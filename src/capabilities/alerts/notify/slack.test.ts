import assert from 'node:assert/strict'
import { test } from 'node:test'
import { slackAttachment } from './slack.ts'

test('labels of an alert call nobody in Slack', () => {
  const labels = [
    ['alertname', 'Down'],
    ['host', '<!channel> & <http://evil|login>'],
  ] as const
  const attachment = slackAttachment({
    groupKey: '',
    receiver: 'team',
    groupLabels: labels,
    alerts: [
      {
        fingerprint: 'f',
        labels,
        annotations: [['summary', '<!here>']],
        startsAtMs: 0,
        endsAtMs: undefined,
        value: 1,
        expr: 'up == 0',
      },
    ],
    truncatedCount: 0,
    externalUrl: 'http://localhost',
  })
  const text = JSON.stringify(attachment)
  assert.doesNotMatch(text, /<(?!http:\/\/localhost\/)/)
  assert.match(text, /&lt;!channel&gt; &amp; &lt;http:\/\/evil\|login&gt;/)
})
