/**
 * The form in which finished requests travel from data to telemetry, and in which telemetry keeps them.
 *
 * A batch is a header (`MAGIC`, version) and records, one behind the other. Whole numbers are LEB128 varints, times whole microseconds.
 * Names of the configuration stand in a batch once: 0, length and bytes where one is met first, afterwards its number, counted from 1.
 * A batch can be read without any other one.
 */
import type { Choice, ChoiceRule } from '../mechanisms/balancing/choice.ts'
import {
  copyBytes,
  stringBytesMax,
  VARINT_BYTES_MAX,
  writeFloat,
  writeString,
  writeVarint,
} from '../mechanisms/varint/varint.ts'

/** Written by this version; a reader refuses every other one. */
export const RECORDS_VERSION = 3
export const RECORDS_MAGIC = 0xb7
export const RECORDS_HEADER_BYTES = 2
/** UTF-16 units of one name; a longer one is cut. */
export const RECORD_NAME_UNITS_MAX = 256

/** Bits of a record's first byte. */
export const RECORD_FLAG = {
  isSampled: 1,
  hasDefect: 2,
  isHostCut: 4,
  isPathCut: 8,
  hasParent: 16,
} as const
/** Bits of a choice. */
export const CHOICE_FLAG = { isPanic: 1, isUnstuck: 2, isBackup: 4, isSpilled: 8 } as const

/** A rule by its number in a batch; a new one is put at the end, and raises the version. */
export const CHOICE_RULES: readonly ChoiceRule[] = [
  'none',
  'only',
  'ewma',
  'requests',
  'turn',
  'sticky',
  'hash',
]

/** What of a record is written; the data plane's own record has this shape. */
export interface RecordSource {
  readonly requestId: Buffer
  readonly requestIdLength: number
  readonly traceId: Buffer
  readonly spanId: Buffer
  readonly parentSpanId: Buffer
  readonly isSampled: boolean
  /** Host, path and detail, one behind the other. */
  readonly text: Buffer
  readonly hostLength: number
  readonly isHostCut: boolean
  readonly pathLength: number
  readonly isPathCut: boolean
  readonly detailLength: number
  readonly startedAtMs: number
  readonly startedMs: number
  readonly listener: string
  readonly caller: string
  readonly client: string
  readonly protocol: string
  readonly tls: string
  readonly method: string
  readonly route: string
  readonly routeSource: string
  readonly service: string
  readonly serviceSource: string
  readonly algorithm: string
  readonly status: number
  readonly reason: string
  readonly version: number
  readonly queueMs: number
  readonly durationMs: number
  readonly requestBytes: number
  readonly responseBytes: number
  readonly hasDefect: boolean
  readonly attemptCount: number
  readonly attempts: readonly AttemptSource[]
  readonly policyCount: number
  readonly policies: readonly {
    readonly policy: string
    readonly decision: string
    readonly value: number
  }[]
}

/** One attempt of a `RecordSource`. */
export interface AttemptSource {
  readonly instance: string
  readonly address: string
  readonly candidates: number
  readonly excluded: number
  readonly choice: Readonly<Choice>
  readonly startedMs: number
  readonly connectedMs: number
  readonly answeredMs: number
  readonly outcome: string
  readonly status: number
}

/** Fields of a record, an attempt and a note that are names. */
const NAME_PLACES = 18

/** Numbers of a record, and those and the names of an attempt and a note, that are written beside its text. */
const RECORD_FIXED_BYTES_MAX = 64 + 12 * VARINT_BYTES_MAX
const RECORD_NAMES = 12
const ATTEMPT_NAMES = 4
const ATTEMPT_FIXED_BYTES_MAX = 12 * VARINT_BYTES_MAX
const POLICY_NAMES = 2
const NAME_BYTES_MAX = stringBytesMax(RECORD_NAME_UNITS_MAX) + 1

/** More than any record of so many attempts and notes, without its own text. */
export function recordBytesMax(record: RecordSource): number {
  const names =
    RECORD_NAMES + record.attemptCount * ATTEMPT_NAMES + record.policyCount * POLICY_NAMES
  return (
    RECORD_FIXED_BYTES_MAX +
    record.requestIdLength +
    record.hostLength +
    record.pathLength +
    record.detailLength +
    record.attemptCount * ATTEMPT_FIXED_BYTES_MAX +
    record.policyCount * 8 +
    names * NAME_BYTES_MAX
  )
}

/** Writes the records of one batch after the other into buffers that somebody else owns. */
export class RecordWriter {
  readonly #numbers = new Map<string, number>()
  /** Name and number that stood in each place of the record before: most records differ in few names. */
  readonly #lastNames: string[] = Array.from({ length: NAME_PLACES }, () => '')
  readonly #lastNumbers: number[] = Array.from({ length: NAME_PLACES }, () => 0)

  /** Begins a batch at `at`; names are written anew. Returns the place of the first record. */
  begin(into: Buffer, at: number): number {
    this.#numbers.clear()
    this.#lastNumbers.fill(0)
    into[at] = RECORDS_MAGIC
    into[at + 1] = RECORDS_VERSION
    return at + RECORDS_HEADER_BYTES
  }

  /** Writes one record; there must be room for `recordBytesMax(record)`. Returns its end. */
  write(record: RecordSource, into: Buffer, at: number): number {
    const { text } = record
    const hasParent = isSet(record.parentSpanId)
    into[at] = flagsOf(record, hasParent)
    let end = writeVarint(into, at + 1, record.requestIdLength)
    end = copyBytes(into, end, record.requestId, 0, record.requestIdLength)
    end = copyBytes(into, end, record.traceId, 0, record.traceId.length)
    end = copyBytes(into, end, record.spanId, 0, record.spanId.length)
    if (hasParent) end = copyBytes(into, end, record.parentSpanId, 0, record.parentSpanId.length)
    end = writeVarint(into, end, record.hostLength)
    end = writeVarint(into, end, record.pathLength)
    end = writeVarint(into, end, record.detailLength)
    const length = record.hostLength + record.pathLength + record.detailLength
    end = copyBytes(into, end, text, 0, length)
    end = writeFloat(into, end, record.startedAtMs)
    end = this.#writeNames(record, into, end)
    end = writeVarint(into, end, record.status)
    end = writeVarint(into, end, record.version)
    end = writeMicroseconds(into, end, record.queueMs)
    end = writeMicroseconds(into, end, record.durationMs)
    end = writeVarint(into, end, record.requestBytes)
    end = writeVarint(into, end, record.responseBytes)
    end = writeVarint(into, end, record.attemptCount)
    for (let i = 0; i < record.attemptCount; i++) {
      end = this.#writeAttempt(record.attempts[i]!, record.startedMs, into, end)
    }
    end = writeVarint(into, end, record.policyCount)
    for (let i = 0; i < record.policyCount; i++) {
      const note = record.policies[i]!
      end = this.#writeName(into, end, note.policy, 0)
      end = this.#writeName(into, end, note.decision, 1)
      end = writeFloat(into, end, note.value)
    }
    return end
  }

  #writeNames(record: RecordSource, into: Buffer, at: number): number {
    let end = this.#writeName(into, at, record.listener, 2)
    end = this.#writeName(into, end, record.caller, 3)
    end = this.#writeName(into, end, record.client, 4)
    end = this.#writeName(into, end, record.protocol, 5)
    end = this.#writeName(into, end, record.method, 6)
    end = this.#writeName(into, end, record.route, 7)
    end = this.#writeName(into, end, record.routeSource, 8)
    end = this.#writeName(into, end, record.service, 9)
    end = this.#writeName(into, end, record.serviceSource, 10)
    end = this.#writeName(into, end, record.algorithm, 11)
    end = this.#writeName(into, end, record.reason, 12)
    return this.#writeName(into, end, record.tls, 17)
  }

  #writeAttempt(attempt: AttemptSource, originMs: number, into: Buffer, at: number): number {
    const { choice } = attempt
    let end = this.#writeName(into, at, attempt.instance, 13)
    end = this.#writeName(into, end, attempt.address, 14)
    end = this.#writeName(into, end, attempt.outcome, 15)
    end = writeVarint(into, end, attempt.status)
    end = writeVarint(into, end, attempt.candidates)
    end = writeVarint(into, end, attempt.excluded)
    end = writeMoment(into, end, attempt.startedMs, originMs)
    end = writeMoment(into, end, attempt.connectedMs, originMs)
    end = writeMoment(into, end, attempt.answeredMs, originMs)
    into[end++] = CHOICE_RULES.indexOf(choice.rule)
    into[end++] =
      (choice.isPanic ? CHOICE_FLAG.isPanic : 0) +
      (choice.isUnstuck ? CHOICE_FLAG.isUnstuck : 0) +
      (choice.isBackup ? CHOICE_FLAG.isBackup : 0) +
      (choice.isSpilled ? CHOICE_FLAG.isSpilled : 0)
    end = writeEwma(into, end, choice.chosenEwmaMs)
    end = writeVarint(into, end, choice.chosenInFlight)
    end = writeVarint(into, end, choice.chosenWeight)
    end = this.#writeName(into, end, choice.otherId, 16)
    if (choice.otherId === '') return end
    end = writeEwma(into, end, choice.otherEwmaMs)
    end = writeVarint(into, end, choice.otherInFlight)
    return writeVarint(into, end, choice.otherWeight)
  }

  /** `place`: the same for the same field of each record. */
  #writeName(into: Buffer, at: number, name: string, place: number): number {
    const last = this.#lastNumbers[place]!
    if (last !== 0 && name === this.#lastNames[place]) return writeVarint(into, at, last)
    const known = this.#numbers.get(name)
    const number = known ?? this.#numbers.size + 1
    this.#lastNames[place] = name
    this.#lastNumbers[place] = number
    if (known !== undefined) return writeVarint(into, at, known)
    this.#numbers.set(name, number)
    into[at] = 0
    return writeString(into, at + 1, name, RECORD_NAME_UNITS_MAX)
  }
}

function flagsOf(record: RecordSource, hasParent: boolean): number {
  return (
    (record.isSampled ? RECORD_FLAG.isSampled : 0) +
    (record.hasDefect ? RECORD_FLAG.hasDefect : 0) +
    (record.isHostCut ? RECORD_FLAG.isHostCut : 0) +
    (record.isPathCut ? RECORD_FLAG.isPathCut : 0) +
    (hasParent ? RECORD_FLAG.hasParent : 0)
  )
}

function isSet(id: Buffer): boolean {
  for (let i = 0; i < id.length; i++) if (id[i] !== 0) return true
  return false
}

function writeMicroseconds(into: Buffer, at: number, ms: number): number {
  return writeVarint(into, at, Math.max(0, Math.round(ms * 1_000)))
}

/** 0: it never came to that. Else microseconds since the request began, and one. */
function writeMoment(into: Buffer, at: number, ms: number, originMs: number): number {
  if (ms === 0) return writeVarint(into, at, 0)
  return writeVarint(into, at, Math.max(0, Math.round((ms - originMs) * 1_000)) + 1)
}

/** 0: not measured yet. Else microseconds, and one. */
function writeEwma(into: Buffer, at: number, ms: number): number {
  return writeVarint(into, at, ms < 0 ? 0 : Math.round(ms * 1_000) + 1)
}
