/** A thread that logs in, again and again, and says how long each took. */
import { parentPort, workerData } from 'node:worker_threads'
import * as opaque from '@serenity-kit/opaque'
import { bareLogins, sendOverHttp, vaultLogin } from './one-login.ts'

export interface LoadTask {
  /** Undefined: the bare library. */
  address?: string | undefined
  fingerprint: string
  records: readonly string[]
  password: string
  seconds: number
  /** Logins under way at once, in this thread. */
  atOnce: number
  /** Logins begun per second, whatever the answers do; undefined: as many as it can. */
  perSecond?: number | undefined
}

export interface LoadResult {
  logins: number
  seconds: number
  /** ms of each login. */
  times: number[]
}

await opaque.ready
// The thread was started with one.
const task = workerData as LoadTask
parentPort?.postMessage(task.address === undefined ? await bare(task) : await loaded(task, task.address))

async function bare({ seconds }: LoadTask): Promise<LoadResult> {
  const login = await bareLogins()
  for (let warm = 0; warm < 50; warm++) login()
  const times: number[] = []
  const from = performance.now()
  while (performance.now() - from < seconds * 1000) {
    const since = performance.now()
    login()
    times.push(performance.now() - since)
  }
  return { logins: times.length, seconds: (performance.now() - from) / 1000, times }
}

async function loaded(task: LoadTask, address: string): Promise<LoadResult> {
  const send = sendOverHttp(address)
  const times: number[] = []
  // Each login has a record for itself: of two at once on one, the first success ends the other.
  const free = [...task.records]
  // Counted from when it should have begun: a login that has to queue has waited.
  const one = async (due: number): Promise<void> => {
    const id = free.shift()
    if (id === undefined) throw new Error('more logins at once than records')
    await vaultLogin(send, { id, password: task.password, fingerprint: task.fingerprint })
    free.push(id)
    times.push(performance.now() - due)
  }
  // As the bare library is: the first ones are compiled while they run.
  for (let warm = 0; warm < 50; warm += task.atOnce)
    await Promise.all(Array.from({ length: task.atOnce }, () => one(performance.now())))
  times.length = 0
  const from = performance.now()
  const until = from + task.seconds * 1000
  if (task.perSecond === undefined)
    await Promise.all(
      Array.from({ length: task.atOnce }, async () => {
        while (performance.now() < until) await one(performance.now())
      }),
    )
  else {
    const gap = 1000 / task.perSecond
    const running: Promise<void>[] = []
    for (let due = from; due < until; due += gap) {
      const wait = due - performance.now()
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
      running.push(one(due))
    }
    await Promise.all(running)
  }
  return { logins: times.length, seconds: (performance.now() - from) / 1000, times }
}
