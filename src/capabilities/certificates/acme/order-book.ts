import { z } from 'zod'
import type { CertificateStore } from '../store.ts'
import { ordersThatCount } from './schedule.ts'

const FILE = 'orders.json'
const book = z.array(z.number())

/** When orders were begun, on the disk: a program that is started again and again does not begin anew. */
export class OrderBook {
  readonly #store: CertificateStore

  constructor(store: CertificateStore) {
    this.#store = store
  }

  /** Those that count at this time, the oldest first. Throws what the disk says. */
  async begun(nowMs: number): Promise<readonly number[]> {
    const text = await this.#store.read(FILE)
    if (text === undefined) return []
    try {
      return ordersThatCount(book.parse(JSON.parse(text)), nowMs)
    } catch {
      // It is not ours any more: what it said cannot be known.
      return []
    }
  }

  /** Before the authority is asked: an answer may be lost. */
  async add(nowMs: number): Promise<void> {
    await this.#store.write(FILE, JSON.stringify([...(await this.begun(nowMs)), nowMs]))
  }
}
