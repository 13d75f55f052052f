/** Giving K to a vault under a password: a new record, or a new password in place of the old one. */
import type { Newest, Statement } from '../../../contract/vault.ts'
import { Changed, RegisterStarted } from '../../../contract/vault.ts'
import { registration } from '../../../contract/vault-preimages.ts'
import type { Secret } from '../keys/secret.ts'
import { showFingerprint } from './address.ts'
import { checkStatement, untrue } from './evidence.ts'
import { ask, isRefusal } from './exchange.ts'
import { askAsOwner, type Link } from './link.ts'
import type { Owner } from './owner.ts'
import { PasswordProgram } from './password-program.ts'
import { aboutOwn } from './record.ts'
import { refused } from './refused.ts'
import { newStretching, type PasswordOptions } from './stretching.ts'

export interface NewRecord {
  /** UTF-8 as it was typed. */
  password: Uint8Array
  key: Secret
  owner: Owner
  /** The generation the record has now; 0 where there is none. The new one has the next. */
  generation: number
  newest: Newest | null
  invite?: string | undefined
  /** What others know of the person, for judging the password. */
  known: readonly string[]
}

/**
 * Stores K under the password. When this resolves, the vault has said, signed and for this very request, that the
 * record holds it; the old password then no longer works. Until then the old one does.
 * Errors: password_weak and password_unusable before the vault is asked; record_changed; invite_needed; vault_*.
 */
export async function putRecord(link: Link, it: NewRecord, options: PasswordOptions = {}): Promise<Statement> {
  const { owner, generation: before } = it
  const program = new PasswordProgram(options.program ?? {}, link.signal)
  try {
    const request = await program.startRegistration(it.password, it.known)
    const started = await startRegistration(link, owner, request)
    const [generation, stretching] = [before + 1, newStretching(options)]
    const fingerprint = showFingerprint(link.identity.fingerprint)
    const bound = { rid: owner.rid, fingerprint, generation, stretching }
    const made = await program.finishRegistration(it.key, { response: started.response, ...bound })
    if (!made) throw untrue(link.address.host, 'Its answer to the new password is no message of OPAQUE.')

    const invite = it.invite === undefined ? {} : { invite: it.invite }
    const body = { ...made, ticket: started.ticket, stretching, newest: it.newest, ...invite }
    const question = { method: 'PUT', generation: before, body } as const
    const { answer, asked } = await askAsOwner(link, owner, question, Changed)
    // "There is one already" is never taken for "mine": a repeat of these bytes is answered with success if it was.
    if (isRefusal(answer)) throw refused(link.address.host, answer, link.now().getTime() - link.info.now)
    const statement = checkStatement(aboutOwn(link, owner), answer.statement, asked)
    if (statement.state !== 'active' || statement.generation !== generation)
      throw untrue(link.address.host, 'It says that it stored the record, and shows another one.')
    return statement
  } finally {
    program.end()
  }
}

async function startRegistration(link: Link, owner: Owner, request: string): Promise<RegisterStarted> {
  const body = Buffer.from(JSON.stringify({ request }))
  const path = `/v1/records/${owner.rid}/register/start`
  const started = await ask(link, { method: 'POST', path, body }, RegisterStarted)
  if (isRefusal(started)) throw refused(link.address.host, started)
  const { response, ticket, expiresAt, signature } = started
  // Before anything is made of the password with this answer: a relay that registered itself in the vault's place
  // could try passwords for the rest of its life.
  if (!link.identity.signed(registration({ rid: owner.record, request, response, ticket, expiresAt }), signature))
    throw untrue(link.address.host, 'Its answer to the new password is not signed by it.')
  return started
}
