/**
 * The side that sees the password: OPAQUE's client, the stretching, and the wrapping of K. It runs in a process of its
 * own that ends with its one job (password-process.ts), because WebAssembly's memory is never given back and strings
 * cannot be wiped; and because stretching takes a second and 256 MiB, for which nobody's thread should stand still.
 */
import * as opaque from '@serenity-kit/opaque'
import type { Readable, Writable } from 'node:stream'
import { decode, firstMessage } from '../../../contract/vault-preimages.ts'
import { holdSecret, type Secret, wipe, withSecret } from '../keys/secret.ts'
import { hash } from './identity.ts'
import { MessageReader, writeMessage } from './password-pipe.ts'
import { type AnswerOf, Step, type StepOf } from './password-steps.ts'
import { passwordText, Unusable } from './password-text.ts'
import { strengthFloor, strengthOf } from './strength.ts'
import { openRelease, unwrapKey, wrapKey } from './wrapping.ts'

/** Answers steps until nobody asks any more. Only for a process of its own. */
export async function answerPasswordSteps(input: Readable, output: Writable): Promise<void> {
  await opaque.ready
  const reader = new MessageReader(input)
  const work = new PasswordWork()
  for (;;) {
    const message = await reader.next()
    if (!message) return
    const { said, key } = await work.take(Step.parse(message.said), message.bytes)
    await writeMessage(output, said, key ? withSecret(key, (bytes) => Buffer.from(bytes)) : undefined)
    key?.dispose()
  }
}

interface Started {
  password: string
  state: string
  first: string
}

interface LoggedIn {
  sessionKey: Buffer
  exportKey: Buffer
  /** Digest of the first message. */
  message: Buffer
  bound: StepOf<'finish_login'>
}

class PasswordWork {
  #started: Started | undefined
  #loggedIn: LoggedIn | undefined

  /** Wipes the bytes. A step out of its order is a mistake of ours, and throws. */
  async take(step: Step, bytes: Buffer): Promise<{ said: AnswerOf<Step['step']>; key?: Secret }> {
    try {
      switch (step.step) {
        case 'start_registration':
          return { said: await this.#startRegistration(step, bytes) }
        case 'finish_registration':
          return { said: this.#finishRegistration(step, holdSecret(bytes)) }
        case 'start_login':
          return { said: this.#startLogin(bytes) }
        case 'finish_login':
          return { said: this.#finishLogin(step) }
        case 'open':
          return this.#open(step)
      }
    } finally {
      wipe(bytes)
    }
  }

  async #startRegistration(
    { known }: StepOf<'start_registration'>,
    bytes: Buffer,
  ): Promise<AnswerOf<'start_registration'>> {
    const password = usable(bytes)
    if (password instanceof Unusable) return { unusable: password.message }
    const { score, reason, suggestion } = await strengthOf(password, known)
    if (score < strengthFloor) return { weak: { reason, suggestion } }
    const { clientRegistrationState: state, registrationRequest: request } = opaque.client.startRegistration({
      password,
    })
    this.#started = { password, state, first: request }
    return { request }
  }

  #finishRegistration(step: StepOf<'finish_registration'>, key: Secret): AnswerOf<'finish_registration'> {
    const { password, state } = this.#taken()
    try {
      const { registrationRecord: record, exportKey } = opaque.client.finishRegistration({
        password,
        clientRegistrationState: state,
        registrationResponse: step.response,
        ...common(step),
      })
      return { record, wrapped: wrapKey(key, decode(exportKey), boundOf(step)).toString('base64url') }
    } catch (error) {
      return brokenBy(error)
    } finally {
      key.dispose()
    }
  }

  #startLogin(bytes: Buffer): AnswerOf<'start_login'> {
    const password = usable(bytes)
    if (password instanceof Unusable) return { unusable: password.message }
    const { clientLoginState: state, startLoginRequest: first } = opaque.client.startLogin({ password })
    this.#started = { password, state, first }
    return { message: first }
  }

  #finishLogin(step: StepOf<'finish_login'>): AnswerOf<'finish_login'> {
    const { password, state, first } = this.#taken()
    try {
      const done = opaque.client.finishLogin({
        password,
        clientLoginState: state,
        loginResponse: step.message,
        ...common(step),
      })
      if (!done) return { wrong: true }
      this.#loggedIn = {
        sessionKey: Buffer.from(done.sessionKey, 'base64url'),
        exportKey: Buffer.from(done.exportKey, 'base64url'),
        message: hash(firstMessage(decode(first))),
        bound: step,
      }
      return { message: done.finishLoginRequest }
    } catch (error) {
      return brokenBy(error)
    }
  }

  #open({ release }: StepOf<'open'>): { said: AnswerOf<'open'>; key?: Secret } {
    if (!this.#loggedIn) throw new Error('there is no login to open anything with')
    const { sessionKey, exportKey, message, bound } = this.#loggedIn
    const { rid, generation, stretching } = boundOf(bound)
    const wrapped = openRelease(Buffer.from(release, 'base64url'), sessionKey, { rid, generation, message })
    const key = wrapped && unwrapKey(wrapped, exportKey, { rid, generation, stretching })
    return key ? { said: { opened: true }, key } : { said: { broken: true } }
  }

  #taken(): Started {
    if (!this.#started) throw new Error('nothing was started')
    return this.#started
  }
}

/** What the library throws for a message that is none. Out of memory is another matter: the process ends. */
function brokenBy(error: unknown): { broken: true } {
  if (error instanceof Error && (error.name === 'RuntimeError' || error.name === 'RangeError')) throw error
  return { broken: true }
}

function usable(bytes: Uint8Array): string | Unusable {
  try {
    return passwordText(bytes)
  } catch (error) {
    if (error instanceof Unusable) return error
    throw error
  }
}

/** The same on both sides, or the two get different keys. */
function common({ rid, fingerprint, stretching }: StepOf<'finish_login' | 'finish_registration'>) {
  const { memory, passes: iterations, parallelism } = stretching
  return {
    identifiers: { client: rid, server: fingerprint },
    keyStretching: { 'argon2id-custom': { memory, iterations, parallelism } },
  }
}

function boundOf({ rid, generation, stretching }: StepOf<'finish_login' | 'finish_registration'>) {
  return { rid: decode(rid), generation, stretching }
}
