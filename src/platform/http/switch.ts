/** A switch in a query: `?follow`, `?follow=1` and `?follow=true` all mean on. */
export const switchSchema = {
  type: 'string',
  enum: ['', '1', 'true', '0', 'false'],
  default: 'false',
} as const
export type Switch = (typeof switchSchema.enum)[number]

/** Whether it is on. */
export function isOn(value: Switch): boolean {
  return value !== '0' && value !== 'false'
}
