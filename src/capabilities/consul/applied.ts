import { NOT_APPLIED_FIELD } from '../../contracts/applied.ts'
import type { Answer } from './answers.ts'
import type { World } from './catalog-world.ts'

/** Answers a change when every worker of the gateway has applied it, or says in a field that some have not. */
export async function whenApplied({ discovery }: World, answer: Answer): Promise<Answer> {
  if (await discovery.applied()) return answer
  return { ...answer, fields: [...answer.fields, NOT_APPLIED_FIELD] }
}
