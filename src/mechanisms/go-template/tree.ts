/** What a template is made of. */
export type TemplateNode =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'print'; readonly pipe: Pipe }
  | {
      readonly kind: 'if' | 'with' | 'range'
      readonly pipe: Pipe
      readonly body: readonly TemplateNode[]
      readonly otherwise: readonly TemplateNode[]
    }
  | { readonly kind: 'template'; readonly name: string; readonly pipe: Pipe | undefined }
  | { readonly kind: 'break' | 'continue' }

/** Commands, each of which gets the value of the one before it as its last argument. */
export interface Pipe {
  /** Variables that are declared or set, with `$`. */
  readonly variables: readonly string[]
  readonly isDeclaration: boolean
  readonly commands: readonly Command[]
  readonly line: number
}

/** A function with its arguments, or one value. */
export type Command = readonly Operand[]

/** A value: where `names` are, fields of it. */
export type Operand =
  | { readonly kind: 'dot'; readonly names: readonly string[] }
  | { readonly kind: 'variable'; readonly name: string; readonly names: readonly string[] }
  | { readonly kind: 'pipe'; readonly pipe: Pipe; readonly names: readonly string[] }
  | { readonly kind: 'function'; readonly name: string }
  | { readonly kind: 'literal'; readonly value: string | number | bigint | boolean | undefined }

/** A template and those that it defines, by name. */
export interface Template {
  readonly body: readonly TemplateNode[]
  readonly defined: ReadonlyMap<string, readonly TemplateNode[]>
}
