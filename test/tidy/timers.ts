import { isForTests, isTest } from './shape.ts'
import { isNode, nameOf, walk, type Node, type ParsedFile } from './source.ts'

/**
 * The one place where a timer may be made. Its clocks are given to everyone, so that a test moves the time. The supervisor, which
 * imports nothing of the platform, is given one too, by the command that starts it.
 */
const clockFile = 'src/platform/clock.ts'

const timerNames = /^set(?:Timeout|Interval|Immediate)$/

/** Timers come from the clock alone. The timeout of a socket is one too, and so is `AbortSignal.timeout`. */
export function findTimers(files: readonly ParsedFile[]): readonly string[] {
  return files
    .filter(({ path }) => path !== clockFile && !isTest(path) && !isForTests(path))
    .flatMap((file) =>
      [...walk(file.program)].flatMap((node) => {
        const name = timerOf(node)
        return name === '' ? [] : [`${file.path}:${file.lineAt(node.start)} makes a timer: ${name}`]
      }),
    )
}

function timerOf(node: Node): string {
  if (node.type === 'ImportDeclaration') {
    const source = isNode(node['source']) ? String(node['source']['value']) : ''
    return /^(?:node:)?timers(?:\/promises)?$/.test(source) ? source : ''
  }
  if (node.type !== 'CallExpression') return ''
  const callee = node['callee']
  if (timerNames.test(nameOf(callee))) return nameOf(callee)
  if (!isNode(callee) || callee.type !== 'MemberExpression') return ''
  const method = nameOf(callee['property'])
  if (nameOf(callee['object']) === 'AbortSignal' && method === 'timeout')
    return 'AbortSignal.timeout'
  return timerNames.test(method) ? `.${method}` : ''
}
