import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { normalizePath } from './normalize-path.ts'

test('what is in normal form stays as it is', () => {
  const paths = ['/', '/a/b.c/..d/.well-known/x', '/a%20b%2B', "/~x_-.!$&'()*+,;=:@", '/a/', '/...']
  for (const path of paths) assert.equal(normalizePath(path), path)
})

test('equal spellings become one', () => {
  assert.equal(normalizePath('/%61dmin%2d%7e'), '/admin-~')
  assert.equal(normalizePath('/a%3ab%c3%a9'), '/a%3Ab%C3%A9')
  assert.equal(normalizePath('//a///b//'), '/a/b/')
  assert.equal(normalizePath('/caf\u00c3\u00a9'), '/caf%C3%A9')
})

test('undecided spellings are refused', () => {
  const refused = [
    ['', 'a', '*', 'http://x/'],
    [
      '/a/../b',
      '/..',
      '/.',
      '/./a',
      '/%2e%2E/a',
      '/.%2e',
      '/a/..;/b',
      '/a/.;x=1',
      '//..//a',
      '/a/%2e',
    ],
    [
      '/a%2fb',
      '/a%2Fb',
      '/a%5cb',
      '/a\\b',
      '/a%00',
      '/a\0',
      '/a b',
      '/a\n',
      '/a\x7f',
      '/a#b',
      '/a?b',
    ],
    ['/%', '/%4', '/%zz', '/a%2', '/\u0100', '/%%41'],
  ]
  for (const path of refused.flat()) assert.equal(normalizePath(path), null, JSON.stringify(path))
})

test('normal form is stable and has no dot segment, however it was spelt', () => {
  const part = fc.constantFrom(
    '/',
    '.',
    '%2e',
    '%2E',
    'a',
    '%61',
    ';',
    '%2f',
    '%',
    '\\',
    '%3b',
    '\u00e9',
    '//',
    '%25',
  )
  let normal = 0
  fc.assert(
    fc.property(fc.array(part, { maxLength: 10 }), (parts) => {
      const path = normalizePath(`/${parts.join('')}`)
      if (path === null) return
      normal++
      assert.equal(normalizePath(path), path)
      assert.ok(!path.includes('//'))
      for (const segment of path.split('/')) assert.ok(!/^\.{1,2}(;|$)/.test(segment), path)
      assert.equal(
        new URL(`http://h${path}`).pathname,
        path,
        'an upstream that parses it as a URL sees the same',
      )
    }),
    { numRuns: 5000 },
  )
  assert.ok(normal > 200)
})
