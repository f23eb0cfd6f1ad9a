import type { Candidate } from './candidate.ts'

/** What decided a pick. */
export type ChoiceRule = 'none' | 'only' | 'ewma' | 'requests' | 'turn' | 'sticky' | 'hash'

/** Why one was chosen, as plain fields that a pick overwrites: the sentence is built only when somebody asks. */
export interface Choice {
  rule: ChoiceRule
  chosenId: string
  chosenEwmaMs: number
  /** Requests in flight before this one. */
  chosenInFlight: number
  chosenWeight: number
  /** The one that it was compared with; '' when there was none. */
  otherId: string
  otherEwmaMs: number
  otherInFlight: number
  otherWeight: number
  /** All that were left were ejected, and one of them was taken nevertheless. */
  isPanic: boolean
  /** The sticky cookie was missing or named an instance that cannot be used now. */
  isUnstuck: boolean
  /** A backup: nobody else was left. */
  isBackup: boolean
  /** Not of the best priority level: that can not take all of the load, or had no room. */
  isSpilled: boolean
}

export function createChoice(): Choice {
  return {
    rule: 'none',
    chosenId: '',
    chosenEwmaMs: 0,
    chosenInFlight: 0,
    chosenWeight: 0,
    otherId: '',
    otherEwmaMs: 0,
    otherInFlight: 0,
    otherWeight: 0,
    isPanic: false,
    isUnstuck: false,
    isBackup: false,
    isSpilled: false,
  }
}

/** Copies into a record that outlives the next pick, without allocating. */
export function copyChoice(from: Readonly<Choice>, to: Choice): void {
  to.rule = from.rule
  to.chosenId = from.chosenId
  to.chosenEwmaMs = from.chosenEwmaMs
  to.chosenInFlight = from.chosenInFlight
  to.chosenWeight = from.chosenWeight
  to.otherId = from.otherId
  to.otherEwmaMs = from.otherEwmaMs
  to.otherInFlight = from.otherInFlight
  to.otherWeight = from.otherWeight
  to.isPanic = from.isPanic
  to.isUnstuck = from.isUnstuck
  to.isBackup = from.isBackup
  to.isSpilled = from.isSpilled
}

/** Forgets the last pick. */
export function clearChoice(choice: Choice): void {
  choice.rule = 'none'
  choice.chosenId = ''
  choice.otherId = ''
  choice.isPanic = false
  choice.isUnstuck = false
  choice.isBackup = false
  choice.isSpilled = false
}

/** Notes the chosen one, and the one that it was compared with. */
export function noteChoice(
  choice: Choice,
  rule: ChoiceRule,
  chosen: Candidate,
  other: Candidate | undefined,
): void {
  choice.rule = rule
  choice.chosenId = chosen.id
  choice.chosenEwmaMs = chosen.ewmaAtMs < 0 ? -1 : chosen.ewmaMs
  choice.chosenInFlight = chosen.inFlight
  choice.chosenWeight = chosen.weight
  choice.otherId = other === undefined ? '' : other.id
  if (other === undefined) return
  choice.otherEwmaMs = other.ewmaAtMs < 0 ? -1 : other.ewmaMs
  choice.otherInFlight = other.inFlight
  choice.otherWeight = other.weight
}

/** One sentence for `backplane why`: `ewma 3.1 ms x 3 beat orders-2 (8.0 ms x 2)`, times the requests that there would be with this one. */
export function explainChoice(choice: Readonly<Choice>): string {
  const sentence = explainRule(choice)
  const unstuck = choice.isUnstuck ? 'no usable sticky cookie; ' : ''
  const panic = choice.isPanic
    ? '; every instance left is ejected, or too many are, so ejection was ignored'
    : ''
  const backup = choice.isBackup ? '; a backup, since nobody else is left' : ''
  const spilled = choice.isSpilled
    ? '; of a lower priority, since those above can not take all'
    : ''
  return `${unstuck}${sentence}${panic}${backup}${spilled}`
}

function explainRule(choice: Readonly<Choice>): string {
  switch (choice.rule) {
    case 'none':
      return 'no instance could be chosen'
    case 'only':
      return 'the only instance left'
    case 'turn':
      return `its turn (weight ${choice.chosenWeight})`
    case 'sticky':
      return 'named by the sticky cookie'
    case 'hash':
      return 'by the hash of its key'
    case 'ewma':
      return explainPair(
        choice,
        `ewma ${ewmaText(choice.chosenEwmaMs, choice.chosenInFlight)}`,
        ewmaText(choice.otherEwmaMs, choice.otherInFlight),
        // The draw honours weights: where they differ, the one drawn second must be clearly better.
        choice.chosenWeight === choice.otherWeight ? 'beat' : 'was drawn before or clearly beat',
      )
    case 'requests':
      return explainPair(choice, `${choice.chosenInFlight} in flight`, `${choice.otherInFlight}`)
    default:
      return choice.rule satisfies never
  }
}

function explainPair(
  choice: Readonly<Choice>,
  chosen: string,
  other: string,
  beat = 'beat',
): string {
  if (choice.chosenWeight === choice.otherWeight)
    return `${chosen} ${beat} ${choice.otherId} (${other})`
  return `${chosen}, weight ${choice.chosenWeight} ${beat} ${choice.otherId} (${other}, weight ${choice.otherWeight})`
}

function ewmaText(ewmaMs: number, inFlight: number): string {
  const requests = inFlight + 1
  if (ewmaMs >= 0) return `${ewmaMs.toFixed(1)} ms x ${requests}`
  return inFlight === 0 ? 'not measured yet, asked once' : `the average x ${requests}`
}
