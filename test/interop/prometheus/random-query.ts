/** Random queries of what 2.42 and 3.x both know and answer alike. */
export function createQuery(random: () => number): string {
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T
  const labels = () => pick(['job', 'instance', 'job, instance', ''])
  const range = () => pick(['1m', '2m', '5m', '17m'])
  const times = () =>
    pick(['', '', '', ' offset 3m', ' offset -2m', ' @ 1600001800', ' @ end()', ' @ start()'])
  const matcher = () =>
    pick(['', '{job="api"}', '{instance=~"i[01]"}', '{job!="web",instance!~"i3"}'])
  const gauge = () => `${pick(['temperature', 'requests_total', 'odd', 'temperature'])}${matcher()}`
  const counter = () =>
    `${pick(['requests_total', 'requests_total', 'latency_bucket'])}${matcher()}`
  const number = () => pick(['2', '-1', '0.5', '1e3', '7', '30'])

  const ofRange = (): string => {
    const kind = pick(['counter', 'gauge', 'scalar', 'subquery'])
    if (kind === 'counter') {
      return `${pick(['rate', 'increase', 'irate', 'resets'])}(${counter()}[${range()}]${times()})`
    }
    if (kind === 'scalar') {
      const selector = `${pick(['temperature', 'requests_total'])}${matcher()}[${range()}]`
      return pick([
        `quantile_over_time(${pick(['0', '0.3', '0.9', '1'])}, ${selector}${times()})`,
        `predict_linear(${selector}, ${number()})`,
      ])
    }
    const name = pick([
      'avg_over_time',
      'min_over_time',
      'max_over_time',
      'sum_over_time',
      'count_over_time',
      'last_over_time',
      'present_over_time',
      'changes',
      'delta',
      'idelta',
      'deriv',
      'absent_over_time',
      'stddev_over_time',
    ])
    if (kind === 'subquery') {
      return `${pick(['max_over_time', 'avg_over_time', 'sum_over_time'])}(${vector(0)}[${pick(['5m:1m', '10m:30s', '3m:'])}])`
    }
    return `${name}(${pick(['temperature', 'requests_total'])}${matcher()}[${range()}]${times()})`
  }

  function vector(depth: number): string {
    const leaf = random() < 0.3 || depth <= 0
    if (leaf) return random() < 0.5 ? `${gauge()}${times()}` : ofRange0()
    const inner = () => vector(depth - 1)
    const aggregation = pick(['sum', 'avg', 'min', 'max', 'count', 'group'])
    const grouping = `${pick(['by', 'without'])} (${labels()})`
    return pick([
      () => `${aggregation} ${grouping} (${inner()})`,
      () => `${aggregation}(${inner()})`,
      () => `topk by (job) (2, temperature${matcher()})`,
      () => `bottomk(3, temperature${matcher()})`,
      () => `quantile ${grouping} (${pick(['0.1', '0.5', '1'])}, ${inner()})`,
      () => `(${inner()} ${pick(['+', '-', '*', '/', '%', '^'])} ${number()})`,
      () => `(${number()} ${pick(['+', '-', '*', '/'])} ${inner()})`,
      () => `(${inner()} ${pick(['>', '<', '>=', '<= bool', '> bool'])} ${number()})`,
      () =>
        `(${inner()} ${pick(['+', '-', '*', '/'])} ${pick(['', 'on (job, instance)', 'ignoring (zone, le)'])} ${inner()})`,
      () =>
        `(temperature ${pick(['+', '*'])} on (job, instance) group_left (zone) requests_total${matcher()})`,
      () =>
        `(${inner()} ${pick(['and', 'or', 'unless'])} ${pick(['', 'on (job)', 'ignoring (instance)'])} ${inner()})`,
      () => `-${inner()}`,
      () =>
        `${pick(['abs', 'ceil', 'floor', 'exp', 'ln', 'sqrt', 'sgn', 'round', 'log2', 'sin'])}(${inner()})`,
      () => `clamp(${inner()}, ${pick(['-3', '0'])}, ${pick(['5', '100'])})`,
      () =>
        `histogram_quantile(${pick(['0.1', '0.5', '0.99', '2'])}, ${pick(['', 'sum by (le, job) '])}(rate(latency_bucket[${range()}])))`,
      () => `label_replace(${inner()}, "copy", "$1-x", "instance", "i(.*)")`,
      () => `label_join(${inner()}, "both", "/", "job", "instance")`,
      () => `absent(${inner()})`,
      () => `vector(scalar(${inner()}))`,
      () => `timestamp(${gauge()})`,
      () => `${pick(['stddev', 'stdvar'])} ${grouping} (temperature${matcher()})`,
      () => `${pick(['hour', 'day_of_year', 'month'])}(requests_total${matcher()} * 1e3)`,
      ofRange,
    ])()
  }

  const ofRange0 = () =>
    random() < 0.7
      ? `rate(${counter()}[${range()}]${times()})`
      : `max_over_time(temperature${matcher()}[${range()}])`
  return vector(3)
}
