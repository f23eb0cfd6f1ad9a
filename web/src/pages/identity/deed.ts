/** What an operator is asked about before it is done. */
export interface Deed {
  readonly title: string
  readonly consequence: string
  /** On the button. */
  readonly confirm: string
  readonly isDangerous: boolean
  /** Told afterwards. */
  readonly done: string
  readonly run: () => Promise<void>
}
