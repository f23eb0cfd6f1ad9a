import { quote } from '../go-text/go-text.ts'
import { sprintf } from './printf.ts'
import {
  isList,
  isMap,
  isTrue,
  TemplateError,
  textOf,
  typeNameOf,
  type TemplateFunction,
  type TemplateValue,
} from './values.ts'

/** What every template of Go may call (text/template), but for `call`. `and` and `or` are done by the evaluation, which stops early. */
export const goFunctions: ReadonlyMap<string, TemplateFunction> = new Map<string, TemplateFunction>(
  [
    ['and', (args) => args.find((arg) => !isTrue(arg)) ?? args.at(-1)],
    ['or', (args) => args.find(isTrue) ?? args.at(-1)],
    ['not', ([value]) => !isTrue(value)],
    ['len', ([value]) => lengthOf(value)],
    ['index', ([value, ...keys]) => keys.reduce(indexOf, value)],
    ['slice', slice],
    ['print', print],
    ['println', (args) => `${args.map(textOf).join(' ')}\n`],
    ['printf', ([format, ...args]) => sprintf(demandText('printf', format), args)],
    ['html', (args) => escapeHtml(print(args))],
    ['js', (args) => quote(print(args)).slice(1, -1).replaceAll("'", "\\'")],
    ['urlquery', (args) => queryEscape(print(args))],
    ['eq', ([value, ...others]) => others.some((other) => areEqual(value, other))],
    ['ne', ([one, other]) => !areEqual(one, other)],
    ['lt', ([one, other]) => compare(one, other) < 0],
    ['le', ([one, other]) => compare(one, other) <= 0],
    ['gt', ([one, other]) => compare(one, other) > 0],
    ['ge', ([one, other]) => compare(one, other) >= 0],
  ],
)

/** A text, or an error that says which function wanted one. */
export function demandText(name: string, value: TemplateValue): string {
  if (typeof value === 'string') return value
  throw new TemplateError(
    `error calling ${name}: wrong type for value; expected string; got ${typeNameOf(value)}`,
  )
}

/** As Go's `url.QueryEscape`. */
export function queryEscape(text: string): string {
  return encodeURIComponent(text.toWellFormed())
    .replaceAll('%20', '+')
    .replaceAll(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`)
}

function lengthOf(value: TemplateValue): bigint {
  if (typeof value === 'string') return BigInt(new TextEncoder().encode(value).length)
  if (isList(value)) return BigInt(value.length)
  if (isMap(value)) return BigInt(value.size)
  throw new TemplateError(`error calling len: len of type ${typeNameOf(value)}`)
}

function indexOf(value: TemplateValue, key: TemplateValue): TemplateValue {
  if (isMap(value)) return value.get(demandText('index', key)) ?? ''
  if (!isList(value)) {
    throw new TemplateError(`error calling index: can't index item of type ${typeNameOf(value)}`)
  }
  if (typeof key !== 'bigint') {
    throw new TemplateError(`error calling index: cannot index slice with type ${typeNameOf(key)}`)
  }
  if (key < 0n || key >= BigInt(value.length)) {
    throw new TemplateError(`error calling index: index out of range: ${key}`)
  }
  return value[Number(key)]
}

function slice([value, from = 0n, to]: readonly TemplateValue[]): TemplateValue {
  if (typeof value !== 'string' && !isList(value)) {
    throw new TemplateError(`error calling slice: can't slice item of type ${typeNameOf(value)}`)
  }
  const begin = Number(from)
  const end = to === undefined ? value.length : Number(to)
  if (!(begin >= 0 && end >= begin && end <= value.length)) {
    throw new TemplateError(`error calling slice: index out of range: ${textOf(from)}`)
  }
  return value.slice(begin, end)
}

/** Blanks stand between two values of which neither is a text. */
function print(args: readonly TemplateValue[]): string {
  let text = ''
  for (const [at, arg] of args.entries()) {
    const isApart = at > 0 && typeof arg !== 'string' && typeof args[at - 1] !== 'string'
    text += `${isApart ? ' ' : ''}${textOf(arg)}`
  }
  return text
}

function escapeHtml(text: string): string {
  const marks = new Map([
    ['&', '&amp;'],
    ['<', '&lt;'],
    ['>', '&gt;'],
    ['"', '&#34;'],
    ["'", '&#39;'],
  ])
  return text.replaceAll(/[&<>"']/g, (mark) => marks.get(mark) ?? mark)
}

function areEqual(one: TemplateValue, other: TemplateValue): boolean {
  if (one === undefined || other === undefined) return one === other
  demandSame(one, other)
  return one === other
}

function compare(one: TemplateValue, other: TemplateValue): number {
  demandSame(one, other)
  const isOrdered = typeof one === 'string' || typeof one === 'number' || typeof one === 'bigint'
  if (!isOrdered) throw new TemplateError('error calling lt: invalid type for comparison')
  const right = other as typeof one
  if (one < right) return -1
  return one > right ? 1 : one === right ? 0 : Number.NaN
}

function demandSame(one: TemplateValue, other: TemplateValue): void {
  if (typeof one === typeof other && typeof one !== 'object') return
  throw new TemplateError('error calling eq: incompatible types for comparison')
}
