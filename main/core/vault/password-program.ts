/**
 * Starts the program that works with a password (password-process.ts), and asks it. This side never sees the keys that
 * OPAQUE makes; of K it gets what the program unwrapped, as a Secret.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CofferError } from '../../../contract/errors.ts'
import { holdSecret, type Secret, secretBytes, withSecret } from '../keys/secret.ts'
import { MessageReader, writeMessage } from './password-pipe.ts'
import { type AnswerOf, answers, type Step, type StepOf } from './password-steps.ts'

/** Ten passes over 1 GiB, the most a vault may ask for, take a slow computer two minutes. */
const patienceMs = 300_000

export interface PasswordProgramOptions {
  /** How to start a process that runs `answerPasswordSteps`. Default: this Node with password-process. */
  program?: { file: string; args: readonly string[] }
  /** Its environment. COFFER_KEY is left out of it. */
  env?: NodeJS.ProcessEnv
  /** Milliseconds after which it is given up, from its start. */
  timeoutMs?: number
}

/** One registration or one login. End it in any case: the program and all it knows goes with it. */
export class PasswordProgram {
  readonly #child: ChildProcess
  readonly #reader: MessageReader
  readonly #timer: NodeJS.Timeout
  readonly #signal: AbortSignal | undefined
  readonly #end = (): void => this.end()

  constructor(
    { program = ownProgram(), env = process.env, timeoutMs = patienceMs }: PasswordProgramOptions,
    signal?: AbortSignal,
  ) {
    const { COFFER_KEY: _, ...rest } = env
    this.#child = spawn(program.file, program.args, { stdio: ['pipe', 'pipe', 'ignore'], env: rest, windowsHide: true })
    // What goes wrong with it shows as an end without an answer.
    this.#child.on('error', () => undefined)
    const { stdin, stdout } = this.#child
    if (!stdin || !stdout) throw new Error('a process without pipes')
    stdin.on('error', () => undefined)
    this.#reader = new MessageReader(stdout)
    this.#timer = setTimeout(this.#end, timeoutMs)
    this.#signal = signal
    signal?.addEventListener('abort', this.#end)
  }

  /** Whether the password may be set, and OPAQUE's request. Errors: password_weak, password_unusable, password_failed. */
  async startRegistration(password: Uint8Array, known: readonly string[]): Promise<string> {
    const { said } = await this.#ask('start_registration', { step: 'start_registration', known: [...known] }, password)
    if ('weak' in said) throw new CofferError('password_weak', said.weak)
    if ('unusable' in said) throw new CofferError('password_unusable', { reason: said.unusable })
    return said.request
  }

  /** OPAQUE's record, and K wrapped; undefined if the response is none of OPAQUE's. Errors: password_failed. */
  async finishRegistration(
    key: Secret,
    step: Omit<StepOf<'finish_registration'>, 'step'>,
  ): Promise<{ record: string; wrapped: string } | undefined> {
    const { said } = await withSecret(key, (bytes) =>
      this.#ask('finish_registration', { step: 'finish_registration', ...step }, bytes),
    )
    return 'broken' in said ? undefined : said
  }

  /** OPAQUE's first message. Errors: password_unusable, password_failed. */
  async startLogin(password: Uint8Array): Promise<string> {
    const { said } = await this.#ask('start_login', { step: 'start_login' }, password)
    if ('unusable' in said) throw new CofferError('password_unusable', { reason: said.unusable })
    return said.message
  }

  /** The third message, `wrong` for a wrong password, `broken` if the second message is none. Errors: password_failed. */
  async finishLogin(step: Omit<StepOf<'finish_login'>, 'step'>): Promise<{ message: string } | 'wrong' | 'broken'> {
    const { said } = await this.#ask('finish_login', { step: 'finish_login', ...step })
    if ('wrong' in said) return 'wrong'
    return 'broken' in said ? 'broken' : said
  }

  /** K; undefined if what the vault released does not open. The caller disposes of it. Errors: password_failed. */
  async open(release: string): Promise<Secret | undefined> {
    const { said, bytes } = await this.#ask('open', { step: 'open', release })
    if (!('opened' in said)) return undefined
    if (bytes.length !== secretBytes) throw this.#failed()
    return holdSecret(bytes)
  }

  /** Kills it. Safe to call twice. */
  end(): void {
    clearTimeout(this.#timer)
    this.#signal?.removeEventListener('abort', this.#end)
    this.#child.kill('SIGKILL')
    this.#reader.close()
  }

  async #ask<Name extends Step['step']>(
    name: Name,
    step: StepOf<Name>,
    bytes?: Uint8Array,
  ): Promise<{ said: AnswerOf<Name>; bytes: Buffer }> {
    const { stdin } = this.#child
    if (stdin) await writeMessage(stdin, step, bytes)
    const message = await this.#reader.next()
    const said = answers[name].safeParse(message?.said)
    if (!message || !said.success) throw this.#failed()
    // The schema is the one of this name; TypeScript does not follow a name into a table.
    return { said: said.data as AnswerOf<Name>, bytes: message.bytes }
  }

  #failed(): unknown {
    return this.#signal?.aborted ? this.#signal.reason : new CofferError('password_failed')
  }
}

/** password-process lies beside this file, with the same ending, in the sources as in the build. */
function ownProgram(): { file: string; args: string[] } {
  const entry = new URL(`password-process${extname(fileURLToPath(import.meta.url))}`, import.meta.url)
  return { file: process.execPath, args: [fileURLToPath(entry)] }
}
