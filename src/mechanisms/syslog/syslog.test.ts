import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { nextSyslogFrame } from './framing.ts'
import { parseSyslog } from './parse.ts'

test("RFC 5424's own examples", () => {
  const first = parseSyslog(
    "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \uFEFF'su root' failed for lonvick on /dev/pts/8",
  )
  assert.deepEqual(
    [first.severity, first.facility, first.host, first.app, first.process, first.messageId],
    [2, 4, 'mymachine.example.com', 'su', '', 'ID47'],
  )
  assert.equal(first.text, "'su root' failed for lonvick on /dev/pts/8")
  const third = parseSyslog(
    '<165>1 2003-10-11T22:14:15.003Z mymachine evntslog - ID47 [exampleSDID@32473 iut="3" eventSource="App \\"x\\""][e2 a="b"] An entry',
  )
  assert.deepEqual(third.data, [
    ['exampleSDID@32473', 'iut', '3'],
    ['exampleSDID@32473', 'eventSource', 'App "x"'],
    ['e2', 'a', 'b'],
  ])
  assert.equal(third.text, 'An entry')
})

test("RFC 3164's own examples, and what is neither", () => {
  const first = parseSyslog("<34>Oct 11 22:14:15 mymachine su[12]: 'su root' failed")
  assert.deepEqual(
    [first.severity, first.timestamp, first.host, first.app, first.process, first.text],
    [2, 'Oct 11 22:14:15', 'mymachine', 'su', '12', "'su root' failed"],
  )
  const bare = parseSyslog('Use the BFG!')
  assert.deepEqual([bare.severity, bare.facility, bare.text], [5, 1, 'Use the BFG!'])
  assert.equal(parseSyslog('<999>x').severity, 5)
})

test('both ways of framing in one stream, cut anywhere', () => {
  const messages = ['<13>counted', '<14>by line', '<15>counted\nwith a line', '<16>1 again']
  const stream = Buffer.from(`11 ${messages[0]}${messages[1]}\n23 ${messages[2]}${messages[3]}\n`)
  fc.assert(
    fc.property(fc.integer({ min: 1, max: stream.length }), (size) => {
      const found: string[] = []
      let rest = Buffer.alloc(0)
      for (let at = 0; at < stream.length; at += size) {
        rest = Buffer.concat([rest, stream.subarray(at, at + size)])
        for (;;) {
          const frame = nextSyslogFrame(rest, 0, 1_000)
          if (frame === undefined || frame === 'too-long') break
          found.push(rest.toString('utf8', frame.start, frame.end))
          rest = rest.subarray(frame.next)
        }
      }
      assert.deepEqual(found, messages)
    }),
  )
  assert.equal(nextSyslogFrame(Buffer.from('9999 x'), 0, 1_000), 'too-long')
  assert.equal(nextSyslogFrame(Buffer.alloc(2_000, 97), 0, 1_000), 'too-long')
})
