/**
 * A destination that fails where a test wants it to, around a real one. It counts and records every call, so a test
 * can first run a job undisturbed, see how many calls it makes, and then fail each of them in turn.
 */
import { CofferError, type Detail, type ErrorCode } from '../../contract/errors.ts'
import type { Destination } from '../../main/core/destinations/destination.ts'

export type CallKind = 'list' | 'get' | 'put' | 'replace' | 'delete' | 'now' | 'free' | 'tidy'

export interface Call {
  kind: CallKind
  /** The object's or the folder's name; '' where there is none. */
  name: string
}

export interface Fault {
  /** Which call fails, counted from 1; among those of `kind` and `name` only, where these are given. */
  at: number
  kind?: CallKind | readonly CallKind[]
  name?: RegExp
  /**
   * before: nothing is done, then the error. after: it is done, but the answer is lost. torn: a put leaves half of
   * the object under its name, as a server without atomic uploads may (other calls: like before).
   */
  how?: 'before' | 'after' | 'torn'
  /** The error, destination_failed unless given. */
  code?: ErrorCode
  detail?: Detail
  /** once: later calls work again. forever: nothing works any more from there on, whatever its kind. */
  lasting?: 'once' | 'forever'
  /** Called when the fault strikes, before the error: to cancel, to tamper, to exit the process. */
  strike?: () => void
}

export interface FaultyDestination extends Destination {
  /** Every call so far, in order, the failed ones included. */
  readonly calls: readonly Call[]
  /** Calls of a kind so far. */
  count(kind?: CallKind): number
  /** How many faults have struck: a test whose fault never struck shows nothing. */
  readonly struck: number
}

/** `inner`, failing as `faults` say. Without faults it only counts. */
export function faultyDestination(inner: Destination, ...faults: readonly Fault[]): FaultyDestination {
  const calls: Call[] = []
  const seen = new Map<Fault, number>()
  let struck = 0
  let dead: CofferError | undefined

  function faultFor(call: Call): Fault | undefined {
    calls.push(call)
    let found: Fault | undefined
    for (const fault of faults) {
      if (fault.kind !== undefined && ![fault.kind].flat().includes(call.kind)) continue
      if (fault.name !== undefined && !fault.name.test(call.name)) continue
      const number = (seen.get(fault) ?? 0) + 1
      seen.set(fault, number)
      if (number === fault.at) found ??= fault
    }
    return found
  }

  function strike(fault: Fault, call: Call): CofferError {
    struck++
    const error = new CofferError(
      fault.code ?? 'destination_failed',
      fault.detail ?? { object: call.name, reason: 'injected' },
    )
    if (fault.lasting === 'forever') dead = error
    fault.strike?.()
    return error
  }

  async function guard<T>(call: Call, work: () => Promise<T>, tear?: () => Promise<void>): Promise<T> {
    const fault = faultFor(call)
    if (dead) throw dead
    if (!fault) return await work()
    if (fault.how === 'after') await work()
    if (fault.how === 'torn') await tear?.()
    throw strike(fault, call)
  }

  return {
    label: inner.label,
    capabilities: inner.capabilities,
    get calls() {
      return calls
    },
    get struck() {
      return struck
    },
    count: (kind) => calls.filter((call) => kind === undefined || call.kind === kind).length,
    async *list(folder) {
      const call: Call = { kind: 'list', name: folder }
      const fault = faultFor(call)
      if (dead) throw dead
      if (fault && fault.how !== 'after') throw strike(fault, call)
      yield* inner.list(folder)
      if (fault) throw strike(fault, call)
    },
    get: (name, range, into) => guard({ kind: 'get', name }, () => inner.get(name, range, into)),
    put: (name, bytes, onTaken) =>
      guard(
        { kind: 'put', name },
        () => inner.put(name, bytes, onTaken),
        () => inner.put(name, bytes.subarray(0, bytes.byteLength >> 1)),
      ),
    replace: (name, bytes, expected) => guard({ kind: 'replace', name }, () => inner.replace(name, bytes, expected)),
    delete: (name) => guard({ kind: 'delete', name }, () => inner.delete(name)),
    now: () => guard({ kind: 'now', name: '' }, () => inner.now()),
    free: () => guard({ kind: 'free', name: '' }, () => inner.free()),
    tidy: (isOurs) => guard({ kind: 'tidy', name: '' }, () => inner.tidy(isOurs)),
  }
}
