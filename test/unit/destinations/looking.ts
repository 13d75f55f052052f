/** What the tests of destinations look with. */
import { CofferError } from '../../../contract/errors.ts'
import type { Destination } from '../../../main/core/destinations/destination.ts'

/** The code of the CofferError a promise fails with; undefined when it succeeds. Any other failure is thrown. */
export async function codeOf(promise: Promise<unknown>): Promise<string | undefined> {
  return (await failureOf(promise))?.code
}

/** The CofferError itself. */
export async function failureOf(promise: Promise<unknown>): Promise<CofferError | undefined> {
  try {
    await promise
    return undefined
  } catch (error) {
    if (error instanceof CofferError) return error
    throw error
  }
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

/** `length` bytes that depend on `seed` from the first byte on. */
export function bytesOf(length: number, seed: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, i) => (seed * 37 + i * 131 + (i >> 8)) & 255))
}

/** The bytes of an object or of a part of it, to compare with; fails when there is no such object. */
export async function whatIsIn(
  destination: Destination,
  name: string,
  ...rest: [range?: { offset: number; length: number }, into?: Uint8Array]
): Promise<Buffer> {
  const bytes = await destination.get(name, ...rest)
  if (bytes === undefined) throw new Error(`there is no ${name}`)
  return Buffer.from(bytes)
}
