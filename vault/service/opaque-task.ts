/** OPAQUE's server side (RFC 9807, @serenity-kit/opaque), one operation at a time: what the threads do. */
import * as opaque from '@serenity-kit/opaque'

/** All bytes are base64url, as the library has them. */
export type OpaqueTask =
  | { kind: 'register'; rid: string; request: string }
  | { kind: 'login'; rid: string; fingerprint: string; setup: string; registration: string; message: string }
export type OpaqueAnswer = { setup: string; response: string } | { state: string; message: string } | { failed: true }

/** Takes a millisecond or so. The library must be `ready`. */
export function perform(task: OpaqueTask): OpaqueAnswer {
  try {
    return task.kind === 'register' ? register(task) : login(task)
  } catch {
    // The library's own words may quote what it was given.
    return { failed: true }
  }
}

function register({ rid, request }: Extract<OpaqueTask, { kind: 'register' }>): OpaqueAnswer {
  const serverSetup = opaque.server.createSetup()
  const { registrationResponse } = opaque.server.createRegistrationResponse({
    serverSetup,
    userIdentifier: rid,
    registrationRequest: request,
  })
  return { setup: serverSetup, response: registrationResponse }
}

function login(task: Extract<OpaqueTask, { kind: 'login' }>): OpaqueAnswer {
  const { serverLoginState, loginResponse } = opaque.server.startLogin({
    serverSetup: task.setup,
    userIdentifier: task.rid,
    registrationRecord: task.registration,
    startLoginRequest: task.message,
    identifiers: { client: task.rid, server: task.fingerprint },
  })
  return { state: serverLoginState, message: loginResponse }
}
