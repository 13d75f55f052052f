/** A thread that evaluates: OPAQUE's group operations take a millisecond, and many wait for one. */
import { parentPort } from 'node:worker_threads'
import * as opaque from '@serenity-kit/opaque'
import type { OpaqueAnswer, OpaqueTask } from './opaque-pool.ts'

await opaque.ready

parentPort?.on('message', ({ id, task }: { id: number; task: OpaqueTask }) => {
  let answer: OpaqueAnswer
  try {
    answer = perform(task)
  } catch {
    // The library's own words may quote what it was given.
    answer = { failed: true }
  }
  parentPort?.postMessage({ id, answer })
})

function perform(task: OpaqueTask): OpaqueAnswer {
  if (task.kind === 'register') {
    const serverSetup = opaque.server.createSetup()
    const { registrationResponse } = opaque.server.createRegistrationResponse({
      serverSetup,
      userIdentifier: task.rid,
      registrationRequest: task.request,
    })
    return { setup: serverSetup, response: registrationResponse }
  }
  const { serverLoginState, loginResponse } = opaque.server.startLogin({
    serverSetup: task.setup,
    userIdentifier: task.rid,
    registrationRecord: task.registration,
    startLoginRequest: task.message,
    identifiers: { client: task.rid, server: task.fingerprint },
  })
  return { state: serverLoginState, message: loginResponse }
}
