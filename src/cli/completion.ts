import { findAdmin } from './admin-client.ts'
import { parseArguments, printExit, type CommandSpec } from './arguments.ts'
import { targetFlags } from './command.ts'
import type { Io } from './io.ts'
import type { StatusParts } from './status-text.ts'

const spec = {
  name: 'completion',
  summary: 'A script that completes commands, options, services and instances in your shell.',
  positionals: [{ name: 'SHELL', description: 'bash, zsh or fish.' }],
  flags: targetFlags,
  notes: [
    'bash: source <(backplane completion bash)',
    'zsh:  source <(backplane completion zsh)',
    'fish: backplane completion fish | source',
  ],
} as const satisfies CommandSpec

const bash = `_backplane() {
  local word=\${COMP_WORDS[COMP_CWORD]} command=\${COMP_WORDS[1]}
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "COMMANDS" -- "$word"))
  elif [ "\${word#-}" != "$word" ]; then
    COMPREPLY=($(compgen -W "$(backplane "$command" --help 2>/dev/null | grep -o -- '--[a-z-]*')" -- "$word"))
  else
    COMPREPLY=($(compgen -W "$(backplane completion names 2>/dev/null)" -- "$word"))
  fi
}
complete -o default -F _backplane backplane
`

const fish = `complete -c backplane -f -n __fish_use_subcommand -a 'COMMANDS'
complete -c backplane -f -n 'not __fish_use_subcommand' -a '(backplane completion names 2>/dev/null)'
`

/** `backplane completion`; `names` prints the services and instances of the system that runs here. */
export async function runCompletion(
  argv: readonly string[],
  io: Io,
  commands: readonly string[],
): Promise<number> {
  const parsed = parseArguments(argv, spec)
  if (parsed.kind === 'exit') return printExit(parsed, io)
  const { flags, positionals } = parsed
  const [shell = ''] = positionals
  const fill = (script: string) => script.replace('COMMANDS', commands.join(' '))
  switch (shell) {
    case 'bash':
      io.stdout.write(fill(bash))
      return 0
    case 'zsh':
      io.stdout.write(
        `autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n${fill(bash)}`,
      )
      return 0
    case 'fish':
      io.stdout.write(fill(fish))
      return 0
    case 'names':
      io.stdout.write(await namesOf(flags, io))
      return 0
    default:
      io.stderr.write(`backplane completion: '${shell}' is not bash, zsh or fish.\n`)
      return 2
  }
}

/** Nothing where nothing runs: a shell that completes must not print errors. */
async function namesOf(
  target: { readonly config: string | undefined; readonly data: string | undefined },
  io: Io,
): Promise<string> {
  try {
    const admin = await findAdmin(target, io)
    const { services } = (await admin.call('GET', '/api/v1/status')) as StatusParts
    const names = services.flatMap((one) => [one.name, ...one.instances.map(({ id }) => id)])
    return `${names.join('\n')}\n`
  } catch {
    return ''
  }
}
