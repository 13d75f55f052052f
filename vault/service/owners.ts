/** What owners do: register, replace, delete, look, and say which backup is the newest. */
import type { Newest, PutRecord } from '../../contract/vault.ts'
import { type Changed, type Receipts, type RegisterStarted, type Statement } from '../../contract/vault.ts'
import { maxReceipts, ticketLife } from '../../contract/vault-limits.ts'
import { askedByOwner, registration as registrationPreimage } from '../../contract/vault-preimages.ts'
import { type Settled, Unavailable } from '../log/journal.ts'
import type { Keystore } from '../keystore/keystore.ts'
import { hash } from './hash.ts'
import { inviteNote, inviteServes } from './invites.ts'
import { OpaqueRefused } from './opaque-pool.ts'
import { requireRecent, type SignedRequest, verifyNewest, verifyOwner } from './owner.ts'
import { type ChangeResult, look, type NewRecord, put, remove, setNewest } from './ownership.ts'
import { Refused } from './refused.ts'
import { makeStatement } from './statements.ts'
import { storedReceipts } from './stored-receipts.ts'
import type { VaultParts } from './vault.ts'

/**
 * A fresh server setup and its answer, for anybody who asks. Nothing is stored, and a record's own setup is never used:
 * registering is no way to learn anything about the password of a record that exists.
 */
export async function startRegistration(parts: VaultParts, rid: Buffer, request: string): Promise<RegisterStarted> {
  // Gives the database's clock, and the key under which everything is sealed now.
  const { now, record } = await parts.journal.submit(rid, look)
  const made = await parts.opaque.register(rid.toString('base64url'), request).catch((error: unknown) => {
    throw error instanceof OpaqueRefused ? new Refused('bad_request') : error
  })
  const expiresAt = now + ticketLife
  const setup = Buffer.from(made.setup, 'base64url')
  const ticket = await parts.tickets.giveRegistration(rid, { expiresAt, counter: record?.counter ?? 0, setup })
  const { response } = made
  // With this the client knows that no relay has put itself in the vault's place, before it finishes.
  const signature = await parts.keystore.sign(registrationPreimage({ rid, request, response, ticket, expiresAt }))
  return { response, ticket, expiresAt, signature: Buffer.from(signature).toString('base64url') }
}

/** Creates the record, or replaces it whole. */
export async function putRecord(parts: VaultParts, signed: SignedRequest, body: PutRecord): Promise<Changed> {
  const owner = verifyOwner(signed, parts.fingerprint)
  if (body.newest) verifyNewest(owner.ownerKey, owner.rid, body.newest)
  const { setup, expiresAt, counter } = await parts.tickets.openRegistration(owner.rid, body.ticket)
  const invite = parts.invites ? inviteOf(parts.keystore, body.invite ?? '') : undefined
  // Better now than in ten guesses that cannot be evaluated.
  await checkRecord(parts, { rid: owner.rid, setup, record: body.record })
  const made = {
    secrets: {
      setup,
      registration: Buffer.from(body.record, 'base64url'),
      wrapped: Buffer.from(body.wrapped, 'base64url'),
    },
    stretching: body.stretching,
    newest: body.newest,
    expiresAt,
    counter,
    invite,
  }
  const notes = invite === undefined ? [] : [invite.name]
  return changedBy(parts, owner, await parts.journal.submit(owner.rid, (moment) => put(moment, owner, made), notes))
}

export async function deleteRecord(parts: VaultParts, signed: SignedRequest): Promise<Changed> {
  const owner = verifyOwner(signed, parts.fingerprint)
  requireRecent(signed.headers, parts.now())
  return changedBy(parts, owner, await parts.journal.submit(owner.rid, (moment) => remove(moment, owner)))
}

export async function putNewest(parts: VaultParts, signed: SignedRequest, newest: Newest): Promise<Changed> {
  const owner = verifyOwner(signed, parts.fingerprint)
  verifyNewest(owner.ownerKey, owner.rid, newest)
  return changedBy(parts, owner, await parts.journal.submit(owner.rid, (moment) => setNewest(moment, owner, newest)))
}

/** What the vault says of the record now. */
export async function readState(parts: VaultParts, signed: SignedRequest): Promise<Statement> {
  const owner = verifyOwner(signed, parts.fingerprint)
  requireRecent(signed.headers, parts.now())
  const settled = await parts.journal.submit(owner.rid, look)
  return makeStatement(parts.keystore, { ...settled, rid: owner.rid, asked: asked(owner) })
}

/** The latest receipts, oldest first, and how the record stands. `after`: only later ones. */
export async function readReceipts(parts: VaultParts, signed: SignedRequest, after: number): Promise<Receipts> {
  const owner = verifyOwner(signed, parts.fingerprint)
  requireRecent(signed.headers, parts.now())
  const settled = await parts.journal.submit(owner.rid, look)
  const { record } = settled
  const last = record?.receipts ?? 0
  const receipts = record ? await storedReceipts(parts.storage, record, Math.max(after, last - maxReceipts)) : []
  // Said by nobody: an owner who is shown a part of them would take it for all.
  if (!receipts) throw new Unavailable('receipts are not as their record says', { charged: false })
  return {
    receipts,
    statement: await makeStatement(parts.keystore, { ...settled, rid: owner.rid, asked: asked(owner) }),
  }
}

function inviteOf({ identity }: Keystore, token: string): NonNullable<NewRecord['invite']> {
  const name = inviteNote(token)
  return { name, serves: (note, now) => inviteServes({ identity, name }, note, now) }
}

/** Refused (bad_request) for a record that is none of OPAQUE's: its points lie on no curve. */
async function checkRecord(
  { opaque, fingerprint }: VaultParts,
  it: { rid: Buffer; setup: Buffer; record: string },
): Promise<void> {
  const [rid, setup] = [it.rid.toString('base64url'), it.setup.toString('base64url')]
  const about = { rid, setup, fingerprint: fingerprint.toString('base64url'), registration: it.record }
  await opaque.check(about).catch((error: unknown) => {
    throw error instanceof OpaqueRefused ? new Refused('bad_request') : error
  })
}

async function changedBy(
  parts: VaultParts,
  owner: { rid: Buffer; requestId: Buffer },
  settled: Settled<ChangeResult>,
): Promise<Changed> {
  const { outcome } = settled.value
  const statement = await makeStatement(parts.keystore, { ...settled, rid: owner.rid, asked: asked(owner) })
  switch (outcome) {
    case 'done':
      return { receipt: settled.receipts.at(-1) ?? null, statement }
    case 'no_record':
      throw new Refused(statement.state === 'destroyed' ? 'destroyed' : 'no_record', { statement })
    case 'invite_needed':
      throw new Refused('invite_needed')
    case 'ticket_expired':
    case 'conflict':
      throw new Refused('conflict', { statement })
  }
}

function asked({ requestId }: { requestId: Buffer }): Buffer {
  return hash(askedByOwner(requestId))
}
