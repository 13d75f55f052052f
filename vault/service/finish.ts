/** The end of an attempt: opened by the right third message, or closed without it. */
import { budget as fullBudget } from '../../contract/vault-limits.ts'
import { addReceipt } from './receipts.ts'
import { isLiving, type VaultRecord } from './record.ts'
import { changed, destroy, hasLiveTicket, type Moment, type Outcome, secretsOf, settled } from './transition.ts'

/** What a ticket says of the attempt it was given for. */
export interface TicketFacts {
  generation: number
  epoch: number
  attempt: number
  /** Digest of the first message. */
  message: Buffer
  expiresAt: number
}

export type OpenResult =
  | { outcome: 'opened'; wrapped: Buffer; generation: number; record: VaultRecord }
  /** The ticket is spent, expired, or older than a success or a replacement. */
  | { outcome: 'void' | 'no_record' | 'destroyed' }

/** Call only when OPAQUE has verified the third message; `third` is its digest. */
export function open(moment: Moment, ticket: TicketFacts, third: Buffer): Outcome<OpenResult> {
  return settled<OpenResult>(moment, (moment) => {
    const { record, now } = moment
    if (!record || record.state === 'deleted') return { value: { outcome: 'no_record' } }
    if (!isLiving(record)) return { value: { outcome: 'destroyed' } }
    const { generation } = record
    const secrets = secretsOf(moment)
    const { wrapped } = secrets
    // The same success again, because its answer was lost. What it releases is sealed for the one who proved it.
    if (generation === ticket.generation && isSame(record, ticket, third) && now < ticket.expiresAt)
      return { value: { outcome: 'opened', wrapped, generation, record } }
    if (!attemptOf(record, ticket, now)) return { value: { outcome: 'void' } }
    const opened = changed(record, {
      state: 'active',
      budget: fullBudget,
      // Every earlier ticket ends here: without this, third messages that were held back would each refill it.
      epoch: record.epoch + 1,
      attempts: [],
      at: record.state === 'active' ? record.at : now,
      opened: {
        epoch: ticket.epoch,
        message: ticket.message,
        third,
        receipt: record.receipts + 1,
        receiptBefore: record.opened?.receipt ?? 0,
      },
    })
    const { record: next, receipt } = addReceipt(opened, {
      kind: 'opened',
      at: now,
      attempt: ticket.attempt,
      message: ticket.message,
    })
    return {
      value: { outcome: 'opened', wrapped, generation, record: next },
      next: { record: next, secrets },
      receipts: [receipt],
    }
  })
}

/**
 * Gives a ticket back, because the client saw that the password was wrong, or because a third message was. When no
 * guess is left and no ticket lives, the record is destroyed at once. Doing it again changes nothing.
 */
export function close(moment: Moment, ticket: TicketFacts): Outcome<undefined> {
  return settled(moment, (moment) => {
    const { record, now } = moment
    const attempt = record && isLiving(record) ? attemptOf(record, ticket, now) : undefined
    if (!record || !attempt) return { value: undefined }
    const closed = changed(record, {
      attempts: record.attempts.map((it) => (it === attempt ? { ...it, closed: true } : it)),
    })
    const given = addReceipt(closed, {
      kind: 'given_back',
      at: now,
      attempt: ticket.attempt,
      message: ticket.message,
    })
    if (closed.budget > 0 || hasLiveTicket(closed, now))
      return {
        value: undefined,
        next: { record: given.record, secrets: secretsOf(moment) },
        receipts: [given.receipt],
      }
    const dead = destroy(given.record, now)
    return {
      value: undefined,
      next: { record: dead.record, secrets: undefined },
      receipts: [given.receipt, dead.receipt],
    }
  })
}

function attemptOf(record: VaultRecord, ticket: TicketFacts, now: number) {
  if (record.generation !== ticket.generation || record.epoch !== ticket.epoch) return undefined
  return record.attempts.find(
    (it) => it.number === ticket.attempt && it.message.equals(ticket.message) && !it.closed && now < it.expiresAt,
  )
}

function isSame({ opened }: VaultRecord, ticket: TicketFacts, third: Buffer): boolean {
  return (
    opened !== null &&
    opened.epoch === ticket.epoch &&
    opened.message.equals(ticket.message) &&
    opened.third.equals(third)
  )
}
