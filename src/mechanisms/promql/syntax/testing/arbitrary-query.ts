import fc from 'fast-check'

const label = fc.constantFrom('job', 'instance', 'le', 'by', 'sum')
const labels = fc.uniqueArray(label, { maxLength: 3 }).map((names) => names.join(', '))
const duration = fc.constantFrom('5m', '30s', '1h', '90', '1d2h')
const op = fc.constantFrom('=', '!=', '=~', '!~')
const value = fc.constantFrom('"a"', '"b|c"', "'x.*'", '""', '`y`')
const matcher = fc.tuple(label, op, value).map((parts) => parts.join(''))
const matchers = fc.array(matcher, { maxLength: 2 }).map((all) => `{${all.join(',')}}`)
const metric = fc.constantFrom('foo', 'bar:rate5m', 'up', 'start', 'sum')
const number = fc.constantFrom('1', '0.5', '-2', '1e3', '0x10', '5m', 'Inf', 'NaN')
const times = fc.constantFrom('', ' offset 5m', ' offset -1h', ' @ 10', ' @ start()', ' @ end()')
const selector = fc.tuple(metric, matchers, times).map((parts) => parts.join(''))
const range = fc
  .tuple(metric, matchers, duration, times)
  .map(([name, braces, length, modifier]) => `${name}${braces}[${length}]${modifier}`)
const rangeCall = fc
  .tuple(fc.constantFrom('rate', 'increase', 'avg_over_time', 'last_over_time', 'changes'), range)
  .map(([name, arg]) => `${name}(${arg})`)
const matching = fc.oneof(
  fc.constant(''),
  fc.tuple(fc.constantFrom('on', 'ignoring'), labels).map(([word, names]) => `${word} (${names})`),
)
const arithmetic = fc.constantFrom('+', '-', '*', '/', '%', '^', 'atan2', '==', '>', '<=')
const setOp = fc.constantFrom('and', 'or', 'unless')
const aggregation = fc.constantFrom('sum', 'avg', 'MAX', 'count', 'stddev')

/** The text of a random query that is right by grammar and by types, and is a vector. */
export function arbitraryQuery(): fc.Arbitrary<string> {
  const { vector } = fc.letrec<{ vector: string }>((tie) => {
    const inner = tie('vector')
    return {
      vector: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        selector,
        rangeCall,
        fc
          .tuple(aggregation, labels, inner)
          .map(([name, names, arg]) => `${name} by (${names}) (${arg})`),
        fc
          .tuple(aggregation, inner, labels)
          .map(([name, arg, names]) => `${name}(${arg}) without (${names})`),
        fc.tuple(inner, arithmetic, matching, inner).map((parts) => `(${parts.join(' ')})`),
        fc.tuple(inner, setOp, matching, inner).map((parts) => `(${parts.join(' ')})`),
        fc.tuple(inner, arithmetic, number).map((parts) => `(${parts.join(' ')})`),
        inner.map((arg) => `-${arg}`),
        inner.map((arg) => `abs(${arg})`),
        fc.tuple(inner, duration).map(([arg, length]) => `max_over_time((${arg})[${length}:1m])`),
        fc.tuple(number, inner).map(([k, arg]) => `topk(${k}, ${arg})`),
      ),
    }
  })
  return vector
}
