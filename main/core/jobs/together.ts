/**
 * Two things at the same time, where each leaves idle what the other needs. The first failure is told to `onFailure`,
 * which must make the other end, and is thrown once both have ended: neither may go on writing behind the back of
 * whoever is told.
 */
export async function together<A, B>(
  [first, second]: [() => Promise<A>, () => Promise<B>],
  onFailure: (error: unknown) => void,
): Promise<[A, B]> {
  let failure: { error: unknown } | undefined
  const watched = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      if (!failure) onFailure((failure = { error }).error)
      throw error
    }
  }
  const [a, b] = await Promise.allSettled([watched(first), watched(second)])
  if (failure) throw failure.error
  if (a.status === 'rejected') throw a.reason
  if (b.status === 'rejected') throw b.reason
  return [a.value, b.value]
}
