import assert from 'node:assert/strict'
import type { IncomingHttpHeaders } from 'node:http'
import { test } from 'node:test'
import fc from 'fast-check'
import { ProblemError } from '../problem.ts'
import { guardRequest, isSameText } from './guard.ts'

const open = { hosts: ['Console.example'], token: undefined }
const closed = { hosts: [], token: 'correct horse' }

/** The status that the request would get: 200 when it is let through. */
function statusOf(
  headers: IncomingHttpHeaders,
  options: Parameters<typeof guardRequest>[1] = open,
): number {
  try {
    guardRequest(headers, options)
    return 200
  } catch (error) {
    assert.ok(error instanceof ProblemError)
    return error.statusCode
  }
}

const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`

test('Host: localhost, addresses and configured names, with and without port, in any case', () => {
  for (const host of [
    'localhost',
    'LOCALHOST:4000',
    '127.0.0.1:4000',
    '10.1.2.3',
    '[::1]',
    '[fe80::1]:65535',
    'console.example:4000',
    'CONSOLE.EXAMPLE',
  ]) {
    assert.equal(statusOf({ host }), 200, host)
  }
})

test('Host: any other name is misdirected (DNS rebinding), and so is what is not a host', () => {
  for (const host of [
    undefined,
    '',
    'rebind.attacker.example:4000',
    'localhost.attacker.example',
    'notlocalhost',
    'localhost:4000:4000',
    'localhost:123456',
    'localhost/x',
    'user@localhost',
    '127.0.0.1.attacker.example',
    '::1',
    '[::1',
    '[localhost]',
    'console.example.attacker.example',
    'localhost ',
  ]) {
    assert.equal(statusOf({ host }), 421, String(host))
  }
})

test('Host: no name that is not configured is ever served', () => {
  fc.assert(
    fc.property(fc.domain(), fc.option(fc.nat(65_535)), (name, port) => {
      const host = port === null ? name : `${name}:${port}`
      return statusOf({ host }, { hosts: ['only.this.example'], token: undefined }) === 421
    }),
  )
})

test('Origin: the same host and port, and nothing else', () => {
  const host = 'localhost:4000'
  for (const origin of [
    'http://localhost:4000',
    'https://localhost:4000',
    'HTTP://LocalHost:4000',
  ]) {
    assert.equal(statusOf({ host, origin }), 200, origin)
  }
  for (const origin of [
    'null',
    '',
    'http://localhost:3000',
    'http://127.0.0.1:4000',
    'http://localhost',
    'http://attacker.example',
    'http://localhost:4000.attacker.example',
    'http://localhost:4000@attacker.example',
    'http://localhost:4000/path',
    'chrome-extension://localhost:4000',
  ]) {
    assert.equal(statusOf({ host, origin }), 403, origin)
  }
})

test('Sec-Fetch-Site: a foreign page may link here, not load from here', () => {
  const host = 'localhost:4000'
  const cross = { host, 'sec-fetch-site': 'cross-site' }
  assert.equal(statusOf({ ...cross, 'sec-fetch-mode': 'navigate' }), 200)
  assert.equal(statusOf({ ...cross, 'sec-fetch-mode': 'no-cors' }), 403)
  assert.equal(statusOf(cross), 403)
  assert.equal(statusOf({ host, 'sec-fetch-site': 'same-origin' }), 200)
  assert.equal(statusOf({ host, 'sec-fetch-site': 'none' }), 200)
  // A form that a foreign page posts navigates too, but browsers send its Origin.
  const posted = { ...cross, 'sec-fetch-mode': 'navigate', origin: 'http://attacker.example' }
  assert.equal(statusOf(posted), 403)
})

test('credentials: Bearer, or Basic with any user, exactly', () => {
  const host = 'localhost'
  const status = (authorization?: string) =>
    statusOf({ host, authorization }, { ...closed, token: 'a:b c' })
  assert.equal(
    statusOf(
      { host, authorization: 'bearer correct-horse' },
      { ...closed, token: 'correct-horse' },
    ),
    200,
  )
  assert.equal(status(basic('anybody:a:b c')), 200)
  for (const wrong of [
    undefined,
    '',
    'Bearer',
    'Bearer ',
    'Bearer undefined',
    'Bearer a:b',
    'Digest a:b',
    'Basic',
    basic(''),
    basic('a:b c:'),
    basic('anybody:a:b C'),
    'Basic %%%',
  ]) {
    assert.equal(status(wrong), 401, String(wrong))
  }
})

test('credentials do not open the listener to a foreign name or page', () => {
  const authorization = 'Bearer x'
  const options = { hosts: [], token: 'x' }
  assert.equal(statusOf({ host: 'localhost', authorization }, options), 200)
  assert.equal(statusOf({ host: 'a.example', authorization }, options), 421)
  assert.equal(
    statusOf({ host: 'localhost', origin: 'http://a.example', authorization }, options),
    403,
  )
})

test('texts are the same when they are equal', () => {
  fc.assert(fc.property(fc.string(), fc.string(), (a, b) => isSameText(a, b) === (a === b)))
  fc.assert(fc.property(fc.string(), (a) => isSameText(a, a)))
})
