/** What a function or a promise fails with; a test of a failure must not pass when there is none. */
export function thrownBy(work: () => unknown): unknown {
  try {
    work()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}

export async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    () => Promise.reject(new Error('nothing failed')),
    (error: unknown) => error,
  )
}
