/** Password in, K out. Each call is one guess of ten, charged before it is answered. */
import { CofferError, type Warning } from '../../../contract/errors.ts'
import {
  LoginAbandoned,
  LoginFinished,
  LoginStarted,
  type Receipt,
  type RecordId,
  type Refusal,
  type Statement,
} from '../../../contract/vault.ts'
import { decode, firstMessage } from '../../../contract/vault-preimages.ts'
import type { Secret } from '../keys/secret.ts'
import { showFingerprint } from './address.ts'
import { type About, checkReceipts, checkStatement, checkTried, untrue } from './evidence.ts'
import { ask, chargedDetail, isRefusal } from './exchange.ts'
import { hash } from './identity.ts'
import type { Link } from './link.ts'
import { destroyed, exhausted, overtaken, wrongPassword } from './login-failure.ts'
import { isOwnNewest, openOwner, type Owner } from './owner.ts'
import { PasswordProgram } from './password-program.ts'
import { provenAbsence } from './record.ts'
import { refused } from './refused.ts'
import { oddStretching, type PasswordOptions } from './stretching.ts'

export interface LoginRequest {
  rid: RecordId
  /** UTF-8 as it was typed. */
  password: Uint8Array
  /** Called with the digest of the first message, which receipts will name, before it is sent. */
  onTry?: (message: string) => void
}

export interface LoggedIn {
  /** K, as the record holds it; whoever asked still has to see that it opens the archive, and disposes of it. */
  key: Secret
  /** The owner that K makes; the caller closes it. */
  owner: Owner
  /** What the vault says of the record; undefined if that does not hold together (then a warning says so). */
  told: { statement: Statement; receipts: Receipt[] } | undefined
  warnings: Warning[]
}

/**
 * Logs in. A wrong password is given back, so that the record need not wait for it. Errors: wrong_password and
 * destroyed with `attemptsLeft`, no_record, password_unusable, password_failed, vault_*; with `charged` where a guess
 * was or may have been used. Warnings: vault_evidence.
 */
export async function logIn(link: Link, it: LoginRequest, options: PasswordOptions = {}): Promise<LoggedIn> {
  const program = new PasswordProgram(options.program ?? {}, link.signal)
  try {
    const message = await program.startLogin(it.password)
    const attempt = new Attempt(link, it, message)
    it.onTry?.(attempt.digest.toString('base64url'))
    const started = await attempt.start()
    try {
      return await attempt.finish(started, program, options)
    } catch (error) {
      // The vault has answered, so a guess is gone, whatever went wrong after that.
      throw error instanceof CofferError && !('charged' in error.detail)
        ? new CofferError(error.code, { ...error.detail, ...chargedDetail(true) })
        : error
    }
  } finally {
    program.end()
  }
}

class Attempt {
  readonly #link: Link
  readonly #it: LoginRequest
  readonly #message: string
  /** What receipts and statements of this attempt must name. */
  readonly digest: Buffer
  readonly #about: About

  constructor(link: Link, it: LoginRequest, message: string) {
    this.#link = link
    this.#it = it
    this.#message = message
    this.digest = hash(firstMessage(decode(message)))
    this.#about = { identity: link.identity, rid: it.rid, host: link.address.host }
  }

  async start(): Promise<LoginStarted> {
    const question = { method: 'POST', path: this.#path('start'), body: json({ message: this.#message }) } as const
    const started = await ask(this.#link, { ...question, costs: 'guess' }, LoginStarted)
    if (isRefusal(started)) throw this.#refused(started)
    return started
  }

  async finish(started: LoginStarted, program: PasswordProgram, options: PasswordOptions): Promise<LoggedIn> {
    const { host } = this.#about
    const tried = checkTried(this.#about, started.receipt, this.digest)
    const { generation, stretching } = tried
    const odd = oddStretching(stretching, options)
    if (odd) throw untrue(host, `It wants the password stretched in a way that is too ${odd}.`)
    const bound = { rid: this.#it.rid, fingerprint: showFingerprint(this.#link.identity.fingerprint) }
    const third = await program.finishLogin({ message: started.message, ...bound, generation, stretching })
    if (third === 'broken') throw untrue(host, 'Its answer to the password is no message of OPAQUE.')
    if (third === 'wrong') throw await this.#wrong(started.ticket, tried)

    const body = json({ ticket: started.ticket, message: third.message })
    const finished = await ask(this.#link, { method: 'POST', path: this.#path('finish'), body }, LoginFinished)
    if (isRefusal(finished)) throw this.#refusedLate(finished)
    const key = await program.open(finished.release)
    if (!key) throw untrue(host, 'What it gave out does not open, though the password is right.')
    return this.#opened(key, finished, tried)
  }

  /** K is here and genuine, whatever else the vault says: its other mistakes are warnings. */
  #opened(key: Secret, { statement, receipts }: LoginFinished, tried: Receipt): LoggedIn {
    const owner = openOwner(key)
    try {
      // The record id is made of K: any other K was never this record's.
      if (owner.rid !== this.#it.rid) throw untrue(this.#about.host, 'It gave out the key of another archive.')
      const told = { statement, receipts }
      try {
        this.#check(told, tried, owner)
        return { key, owner, told, warnings: [] }
      } catch (error) {
        if (!(error instanceof CofferError)) throw error
        return { key, owner, told: undefined, warnings: [{ code: 'vault_evidence', detail: error.detail }] }
      }
    } catch (error) {
      key.dispose()
      owner.close()
      throw error
    }
  }

  #check({ statement, receipts }: { statement: Statement; receipts: Receipt[] }, tried: Receipt, owner: Owner): void {
    const { host } = this.#about
    checkStatement(this.#about, statement, this.digest)
    checkReceipts(this.#about, receipts)
    if (
      !receipts.some(({ number, signature }) => number === tried.number && signature === tried.signature) &&
      !laterThan(receipts, tried)
    )
      throw untrue(host, 'It leaves the receipt of this very login out.')
    if (statement.newest && !isOwnNewest(owner, statement.newest))
      throw untrue(host, 'What it says of the newest backup was not said by this archive’s owner.')
  }

  /** Gives the ticket back, and says what is left, by the vault's signed word. */
  async #wrong(ticket: string, tried: Receipt): Promise<CofferError> {
    const vault = this.#about.host
    const given = await this.#abandon(ticket)
    if (given?.state === 'destroyed') return destroyed(vault, given, { charged: true })
    const attemptsLeft = given ? given.attemptsLeft : tried.attemptsLeft
    return wrongPassword(vault, attemptsLeft)
  }

  /** What it leaves; undefined where that cannot be learnt: the receipt of the guess then has to do. */
  async #abandon(ticket: string): Promise<Statement | undefined> {
    try {
      const question = { method: 'POST', path: this.#path('abandon'), body: json({ ticket }) } as const
      const abandoned = await ask(this.#link, question, LoginAbandoned)
      if (!isRefusal(abandoned)) return checkStatement(this.#about, abandoned.statement, this.digest)
      return provenAbsence(this.#about, abandoned, this.digest)
    } catch (error) {
      // That the password is wrong is certain, and how many tries are left is known; the rest can wait.
      if (error instanceof CofferError && error.code !== 'cancelled') return undefined
      throw error
    }
  }

  #refused(refusal: Refusal): CofferError {
    if (refusal.code === 'rate_limited' && refusal.statement) {
      const { state } = checkStatement(this.#about, refusal.statement, this.digest)
      if (state === 'exhausted') return exhausted(this.#about.host, refusal)
    }
    if (refusal.code === 'conflict') return overtaken(this.#about.host)
    const absence = provenAbsence(this.#about, refusal, this.digest)
    if (!absence) return refused(this.#about.host, refusal)
    if (absence.state === 'destroyed') return destroyed(this.#about.host, absence, { charged: false })
    return new CofferError('no_record', { vault: this.#about.host })
  }

  /** After the third message the password is known to be right: "wrong" is then no honest answer. */
  #refusedLate(refusal: Refusal): CofferError {
    if (refusal.code === 'wrong_password')
      return untrue(this.#about.host, 'The password is right, and it says that it is wrong.')
    const { code, detail } = this.#refused(refusal)
    return new CofferError(code, { ...detail, ...chargedDetail(true) })
  }

  #path(step: string): string {
    return `/v1/records/${this.#it.rid}/login/${step}`
  }
}

/** So many tries came after it that it is not among the latest any more. */
function laterThan(receipts: readonly Receipt[], tried: Receipt): boolean {
  return (receipts[0]?.number ?? 0) > tried.number
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}
