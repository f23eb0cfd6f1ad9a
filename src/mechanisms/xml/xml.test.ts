import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { childOf, parseXml, XmlError, type XmlElement } from './read.ts'
import { escapeXml, isXmlName, textXml, wrapXml } from './write.ts'

const refused = (source: string, why: RegExp): void => {
  assert.throws(
    () => parseXml(source),
    (error) => {
      assert.ok(error instanceof XmlError, String(error))
      assert.match(error.message, why)
      return true
    },
    source.slice(0, 80),
  )
}

const textOf = (source: string): string => parseXml(source).text

test('a document of an Eureka client', () => {
  const root = parseXml(`<?xml version="1.0" encoding="UTF-8"?>
<!-- of a client -->
<instance>
  <app>ORDERS</app><port enabled='true'>8080</port>
  <metadata><a.b>1 &lt; 2 &amp;&#x41;&#66;</a.b><empty/><data><![CDATA[<raw> & ]]></data></metadata>
</instance>
`)
  assert.equal(root.name, 'instance')
  assert.deepEqual(
    root.children.map(({ name }) => name),
    ['app', 'port', 'metadata'],
  )
  assert.equal(childOf(root, 'port')?.attributes.get('enabled'), 'true')
  const metadata = childOf(root, 'metadata')
  assert.deepEqual(
    metadata?.children.map(({ text }) => text),
    ['1 < 2 &AB', '', '<raw> & '],
  )
})

test('entities that grow, files that are fetched, and everything else of a document type', () => {
  const bomb = `<!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;">]><a>&lol2;</a>`
  refused(bomb, /document type/)
  refused('<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', /document type/)
  refused('<a><!ENTITY x "y"></a>', /document type/)
  refused('<a>&x;</a>', /unknown reference &x;/)
  refused('<a>&#xD800;</a>', /unknown reference/)
  refused('<a>&#0;</a>', /unknown reference/)
  refused('<a>&#1114112;</a>', /unknown reference/)
  refused('<a>& b</a>', /unknown reference/)
  refused('<?php run() ?><a/>', /processing instruction/)
  refused('<a><?xml-stylesheet href="x"?></a>', /processing instruction/)
})

test('what is not well-formed', () => {
  for (const source of [
    '',
    'text',
    '<a>',
    '<a></b>',
    '</a>',
    '<a></a><b/>',
    '<a/>text',
    '<a',
    '<a b></a>',
    '<a b=c/>',
    '<a b="1"c="2"/>',
    '<a b="1" b="2"/>',
    '<a b="<"/>',
    '<a b="1/>',
    '<1a/>',
    '< a/>',
    '<a><![CDATA[x</a>',
    '<a>]]></a>',
    '<a><!-- x </a>',
    '<a><!-- x -- y --></a>',
    '<a>\u0001</a>',
  ]) {
    refused(source, /^The XML /)
  }
})

test('depth and number of elements are bounded, and long documents are read once', () => {
  assert.equal(textOf(`${'<a>'.repeat(32)}${'</a>'.repeat(32)}`), '')
  refused('<a>'.repeat(33), /too deep/)
  refused('<a>'.repeat(100_000), /too deep/)
  refused(`<r>${'<a/>'.repeat(10_000)}</r>`, /too many/)
  const attributes = Array.from({ length: 10_001 }, (_, i) => ` a${i}="1"`).join('')
  refused(`<r${attributes}/>`, /too many/)
  assert.equal(textOf(`<a>${'x'.repeat(1_000_000)}</a>`).length, 1_000_000)
})

test('line ends are one character', () => {
  assert.equal(textOf('<a>1\r\n2\r3\n4</a>'), '1\n2\n3\n4')
  assert.equal(parseXml('<a b="1\r\n2"/>').attributes.get('b'), '1  2')
})

const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_.-]{0,8}$/)
const text = fc.string({ unit: 'grapheme', maxLength: 20 })

interface Tree {
  readonly name: string
  readonly attributes: readonly (readonly [string, string])[]
  readonly children: readonly Tree[]
  readonly text: string
}

function treeOf(children: fc.Arbitrary<readonly Tree[]>): fc.Arbitrary<Tree> {
  const attributes = fc.array(fc.tuple(name, text), { maxLength: 3 })
  return fc.record({
    name,
    attributes: attributes.map((all) => [...new Map(all)]),
    children,
    text,
  })
}

const leaf = treeOf(fc.constant([]))
const branch = treeOf(fc.array(leaf, { maxLength: 3 }))
const tree = treeOf(fc.array(fc.oneof(leaf, branch), { maxLength: 3 }))

function write({ name: own, attributes, children, text: inner }: Tree): string {
  const fields = attributes.map(([key, value]) => ` ${key}="${escapeXml(value)}"`).join('')
  return wrapXml(own, escapeXml(inner) + children.map(write).join(''), fields)
}

/** Tabs and line ends of a value are spaces; a carriage return was escaped and stays. */
function plain({ name: own, attributes, children, text: inner }: Tree | XmlElement): unknown {
  const fields = [...attributes].map(([key, value]) => [key, value.replace(/[\t\n]/g, ' ')])
  return { own, fields, children: children.map(plain), inner }
}

test('what is written is read back', () => {
  fc.assert(
    fc.property(tree, (one) => {
      assert.deepEqual(plain(parseXml(write(one))), plain(one))
    }),
    { numRuns: 300 },
  )
})

test('any text is a document or refused as such', () => {
  const piece = fc.constantFrom(
    '<',
    '>',
    '</',
    '/>',
    'a',
    ' b="c"',
    '&',
    '&lt;',
    '<![CDATA[',
    ']]>',
  )
  fc.assert(
    fc.property(fc.array(fc.oneof(piece, text), { maxLength: 12 }), (pieces) => {
      try {
        parseXml(pieces.join(''))
      } catch (error) {
        assert.ok(error instanceof XmlError)
      }
    }),
    { numRuns: 3_000 },
  )
})

test('what XML cannot say is replaced', () => {
  assert.equal(textOf(textXml('a', 'x\u0000y\ud800z')), 'x\ufffdy\ufffdz')
  assert.ok(
    isXmlName('management.port') && !isXmlName('2nd') && !isXmlName('a b') && !isXmlName(''),
  )
})
