/** What the owner of a record, who holds K, may ask of it: its state and receipts, the newest backup, its end. */
import { CofferError } from '../../../contract/errors.ts'
import { Changed, type Newest, type Receipt, Receipts, type Refusal, type Statement } from '../../../contract/vault.ts'
import { type About, checkReceipts, checkStatement, untrue } from './evidence.ts'
import { isRefusal } from './exchange.ts'
import { askAsOwner, type Link } from './link.ts'
import type { Owner } from './owner.ts'
import { refused } from './refused.ts'

export interface RecordState {
  statement: Statement
  /** The latest, oldest first. */
  receipts: Receipt[]
}

/** What the vault says of the record now, checked. A vault that has none says so with state `none`. Errors: vault_*. */
export async function readRecord(link: Link, owner: Owner): Promise<RecordState> {
  const question = { method: 'GET', below: '/receipts', generation: 0 } as const
  const { answer, asked } = await askAsOwner(link, owner, question, Receipts)
  if (isRefusal(answer)) return { statement: absent(link, owner, answer, asked), receipts: [] }
  const about = aboutOwn(link, owner)
  const statement = checkStatement(about, answer.statement, asked)
  checkReceipts(about, answer.receipts)
  const last = answer.receipts.at(-1)
  if (last && last.counter > statement.counter) throw untrue(about.host, 'Its receipts are newer than its record.')
  return { statement, receipts: answer.receipts }
}

/**
 * Deletes the record; one that is no more is as good. Its tombstone keeps its generation. Errors: vault_*,
 * record_changed.
 */
export async function deleteRecord(link: Link, owner: Owner, generation: number): Promise<Statement> {
  const question = { method: 'DELETE', generation } as const
  const { answer, asked } = await askAsOwner(link, owner, question, Changed)
  if (isRefusal(answer)) return absent(link, owner, answer, asked)
  const statement = checkStatement(aboutOwn(link, owner), answer.statement, asked)
  if (statement.state !== 'deleted')
    throw untrue(link.address.host, 'It says that it deleted the record, and still has it.')
  return statement
}

/**
 * Tells the vault of the newest backup. A vault that knows of a newer one says so: its statement's `newest` is handed
 * back. Errors: vault_*, record_changed.
 */
export async function tellNewest(link: Link, owner: Owner, newest: Newest, generation: number): Promise<Statement> {
  const question = { method: 'PUT', below: '/newest', generation, body: newest } as const
  const { answer, asked } = await askAsOwner(link, owner, question, Changed)
  const about = aboutOwn(link, owner)
  if (!isRefusal(answer)) {
    const statement = checkStatement(about, answer.statement, asked)
    if (statement.newest?.identity !== newest.identity)
      throw untrue(about.host, 'It says that it took note of the newest backup, and did not.')
    return statement
  }
  if (answer.code === 'conflict' && answer.statement) {
    const statement = checkStatement(about, answer.statement, asked)
    if (statement.newest && statement.newest.number >= newest.number) return statement
  }
  throw gone(link, owner, answer, asked)
}

/** Who has to have signed what is said of the owner's record. */
export function aboutOwn(link: Link, owner: Owner): About {
  return { identity: link.identity, rid: owner.rid, host: link.address.host }
}

/** A refusal that means "there is none", proven; every other one is thrown. */
function absent(link: Link, owner: Owner, refusal: Refusal, asked: Buffer): Statement {
  const statement = provenAbsence(aboutOwn(link, owner), refusal, asked)
  if (statement) return statement
  throw asError(link, refusal)
}

/** The error for a refusal of a change to a record that has to be there. */
function gone(link: Link, owner: Owner, refusal: Refusal, asked: Buffer): CofferError {
  const statement = provenAbsence(aboutOwn(link, owner), refusal, asked)
  const vault = link.address.host
  if (!statement) return asError(link, refusal)
  return statement.state === 'destroyed'
    ? new CofferError('destroyed', { vault, at: new Date(statement.at).toISOString() })
    : new CofferError('no_record', { vault })
}

/** The statement behind `no_record` or `destroyed`, if it says the same. Errors: vault_failed for one that is forged. */
export function provenAbsence(about: About, { code, statement }: Refusal, asked: Uint8Array): Statement | undefined {
  if (!statement || (code !== 'no_record' && code !== 'destroyed')) return undefined
  const { state } = checkStatement(about, statement, asked)
  const fits = code === 'destroyed' ? state === 'destroyed' : state === 'none' || state === 'deleted'
  if (!fits) throw untrue(about.host, `It says “${code}”, and signs that the record is ${state}.`)
  return statement
}

function asError(link: Link, refusal: Refusal): CofferError {
  return refused(link.address.host, refusal, link.now().getTime() - link.info.now)
}
