/**
 * What must be true of one record, told from two things alone: its receipts, in their order, and what the test knows
 * that people really did. Nothing of the vault's own state machine is asked.
 */
import type { KeyObject } from 'node:crypto'
import type { Receipt, Statement } from '../../contract/vault.ts'
import { budget as fullBudget, ticketLife } from '../../contract/vault-limits.ts'
import { decode, receipt as receiptPreimage, statement as statementPreimage } from '../../contract/vault-preimages.ts'
import { verifySignature } from '../../vault/log/chain.ts'
import { hash } from '../../vault/service/hash.ts'

/** The vault did what it must never do. */
export class Violation extends Error {}

export function must(so: boolean, what: string): asserts so {
  if (!so) throw new Violation(what)
}

/** What people did to one record: the relay can repeat it, and cannot make any of it up. */
export class Deeds {
  /** Requests to make or replace, signed by the owner. `after`: receipts there were when the registration began. */
  readonly puts: { generation: number; password: string; after: number }[] = []
  /** Generations whose deletion the owner signed. */
  readonly deletes = new Set<number>()
  /** First messages that were sent here, by digest. */
  readonly starts = new Set<string>()
  /** Ticket and third message of somebody who used the right password: to the first message and that password. */
  readonly proofs = new Map<string, { message: string; password: string }>()
  /** First messages whose ticket somebody gave back, or used with a third message that does not prove anything. */
  readonly returned = new Set<string>()
}

export const proof = (ticket: string, third: string): string => `${ticket} ${third}`

interface Guess {
  at: number
  /** Number of its receipt. */
  tried: number
  /** Number of the receipt that gave it back. */
  closed: number | undefined
}

export class Truth {
  readonly deeds = new Deeds()
  readonly receipts: Receipt[] = []
  living = false
  generation = 0
  left = 0
  /** Number of the last receipt after which earlier tickets are worth nothing. */
  boundary = 0
  /** The last success, if nothing but guesses followed. */
  success: { message: string; number: number } | undefined
  /** Guesses charged since the boundary, by digest of the first message. */
  readonly guesses = new Map<string, Guess>()
  private lastTriedAt = 0
  private readonly identity: KeyObject
  private readonly waits: readonly number[]
  constructor(identity: KeyObject, waits: readonly number[]) {
    this.identity = identity
    this.waits = waits
  }

  /** Passwords that may open the record now. */
  passwords(): Set<string> {
    return new Set(this.deeds.puts.filter((it) => it.generation === this.generation).map(({ password }) => password))
  }

  count(kind: Receipt['kind']): number {
    return this.receipts.filter((it) => it.kind === kind).length
  }

  /** The next receipt of the chain. */
  take(receipt: Receipt): void {
    const before = this.receipts.at(-1)
    const { signature, ...draft } = receipt
    must(receipt.number === this.receipts.length + 1, 'receipts have numbers without gaps')
    const digest = before ? hash(receiptPreimage(before)).toString('base64url') : Buffer.alloc(32).toString('base64url')
    must(receipt.before === digest, 'every receipt names the one before')
    must(verifySignature(this.identity, receiptPreimage(draft), decode(signature)), 'receipts are signed')
    must(receipt.counter > (before?.counter ?? 0), 'the counter grows')
    this.receipts.push(receipt)
    this[receipt.kind](receipt)
    must(receipt.generation === this.generation, 'the generation is the record’s')
    must(receipt.attemptsLeft === this.left, `the vault says ${receipt.attemptsLeft} of ${this.left} guesses`)
  }

  private created(it: Receipt): void {
    must(!this.living, 'there is one living record for one key')
    this.begin(it)
  }
  private replaced(it: Receipt): void {
    must(this.living, 'what is replaced is a living record')
    this.begin(it)
  }
  private begin(it: Receipt): void {
    must(it.generation === this.generation + 1, 'every new record is of the next generation')
    // After a tombstone the owner must have begun anew: what he asked for earlier is over.
    const since = this.living ? 0 : it.number - 1
    must(
      this.deeds.puts.some(({ generation, after }) => generation === it.generation && after >= since),
      'the owner asked for this record since the one before ended',
    )
    this.living = true
    this.generation = it.generation
    this.lastTriedAt = 0
    this.refill(it)
  }
  private tried(it: Receipt): void {
    must(this.living && this.left > 0, 'a guess is charged to a living record that has one left')
    must(this.deeds.starts.has(it.message), 'somebody sent this guess here')
    const again = this.guesses.get(it.message)
    must(!again || it.at >= again.at + ticketLife, 'the same message is charged once')
    const wait = this.waits[fullBudget - this.left - 5] ?? 0
    must(it.at >= this.lastTriedAt + wait, 'guesses wait for their time')
    this.left -= 1
    this.lastTriedAt = it.at
    must(it.attempt === fullBudget - this.left, 'guesses are counted on')
    this.guesses.set(it.message, { at: it.at, tried: it.number, closed: undefined })
  }
  private given_back(it: Receipt): void {
    const guess = this.live(it)
    must(this.deeds.returned.has(it.message), 'somebody gave the ticket back')
    guess.closed = it.number
  }
  private opened(it: Receipt): void {
    this.live(it)
    const passwords = this.passwords()
    must(
      [...this.deeds.proofs.values()].some(
        ({ message, password }) => message === it.message && passwords.has(password),
      ),
      'only the right password opens',
    )
    this.refill(it)
    this.success = { message: it.message, number: it.number }
  }
  private destroyed(it: Receipt): void {
    must(this.living && this.left === 0, 'a record is destroyed when no guess is left')
    for (const { at, closed } of this.guesses.values())
      must(closed !== undefined || it.at >= at + ticketLife, 'a record is not destroyed while a ticket lives')
    this.end(it)
  }
  private deleted(it: Receipt): void {
    must(this.deeds.deletes.has(it.generation), 'the owner asked for this record to be deleted')
    this.end(it)
  }
  private live(it: Receipt): Guess {
    const guess = this.guesses.get(it.message)
    must(this.living && guess !== undefined, 'a ticket from before the last success or replacement is worth nothing')
    must(guess.closed === undefined, 'a ticket serves once')
    must(it.at < guess.at + ticketLife, 'a ticket serves until it expires')
    return guess
  }
  private refill(it: Receipt): void {
    this.left = fullBudget
    this.mark(it)
  }
  private end(it: Receipt): void {
    this.living = false
    this.left = 0
    this.mark(it)
  }
  private mark({ number }: Receipt): void {
    this.boundary = number
    this.success = undefined
    this.guesses.clear()
  }

  /** What the vault said of the record when its counter stood there. */
  checkStatement(said: Statement): void {
    const { signature, ...bare } = said
    must(verifySignature(this.identity, statementPreimage(bare), decode(signature)), 'statements are signed')
    const at = this.receipts.findLast(({ counter }) => counter <= said.counter)
    must(said.attemptsLeft === (at?.attemptsLeft ?? 0), `it says ${said.attemptsLeft} guesses are left`)
    must(said.generation === (at?.generation ?? 0), 'it says the right generation')
    const ended = at?.kind === 'destroyed' || at?.kind === 'deleted' ? at.kind : undefined
    const state = at ? (ended ?? (at.attemptsLeft === 0 ? 'exhausted' : 'active')) : 'none'
    must(said.state === state, `it says ${said.state} of a record that is ${state}`)
  }
}
