/** Carries letters to the vault, whoever they were meant for, and holds every answer to what is true of the record. */
import { Changed, LoginFinished, LoginStarted, Refusal, Statement } from '../../contract/vault.ts'
import { ticketLife } from '../../contract/vault-limits.ts'
import type { Sent } from '../fixtures/vault/honest-client.ts'
import { type Letter, messageOf } from './vault-people.ts'
import { must, proof, type Truth } from './vault-truth.ts'
import type { World } from './vault-world.ts'

export interface Delivery {
  letter: Letter
  node: number
  /** Another record than the one it was written to. */
  to?: string
}

/** What was known of a record before a batch of letters. */
interface Before {
  receipts: number
  boundary: number
  counter: number
  success: Truth['success']
}

interface Parcel extends Delivery {
  id: string
  sent: Sent
  body: { ticket?: string; message?: string }
}

export class Post {
  /** Tickets that were given out: to the record, the first message and the number of its receipt. */
  readonly tickets = new Map<string, { id: string; message: string; tried: number }>()
  readonly thirds: string[] = []
  private readonly world: World
  /** The newest place of the log that anybody was told, and what stood there. */
  private place = 0
  private readonly heads = new Map<number, string>()
  private readonly counters = new Map<string, number>()
  /** The third message that each success was released for first. */
  private readonly released = new Map<string, string>()
  constructor(world: World) {
    this.world = world
  }

  /**
   * Delivers all at once; gives the answers, undefined for those that were no success. `dying`: nodes that may
   * answer that they cannot.
   */
  async deliver(deliveries: readonly Delivery[], { dying }: { dying: ReadonlySet<number> }): Promise<unknown[]> {
    const parcels = deliveries.map((it) => this.address(it))
    const ids = new Set(parcels.map(({ id }) => id))
    const before = new Map([...ids].map((id) => [id, this.before(id)]))
    const place = this.place
    const answers = await Promise.all(parcels.map(({ node, sent }) => this.world.send(node, sent)))
    await this.world.judge(ids)
    return parcels.map((parcel, at) => {
      const answer = answers[at]
      const known = before.get(parcel.id)
      if (!answer || !known) throw new Error('an answer is missing')
      const { status, json } = answer
      if (status === 200) this.checkSuccess(parcel, json, { before: known, place })
      else this.checkRefusal(parcel, { status, json }, { before: known, place, dying })
      return status === 200 ? json : undefined
    })
  }

  private address({ letter, node, to }: Delivery): Parcel {
    const id = to ?? letter.id
    const sent = { ...letter.sent, path: letter.sent.path.replace(letter.id, id) }
    // Whatever letters hold, it was written by this test.
    const body = JSON.parse(letter.sent.body ?? '{}') as Parcel['body']
    const { deeds } = this.world.truth(id)
    const { ticket, message } = body
    if (letter.kind === 'start' && message !== undefined) deeds.starts.add(messageOf({ first: message }))
    if (letter.kind === 'finish' && message !== undefined) this.thirds.push(message)
    if (ticket !== undefined && !deeds.proofs.has(proof(ticket, message ?? ''))) {
      const given = this.tickets.get(ticket)
      if (given?.id === id) deeds.returned.add(given.message)
    }
    return { letter, node, id, sent, body, ...(to === undefined ? {} : { to }) }
  }

  private before(id: string): Before {
    const truth = this.world.truth(id)
    const { boundary, success } = truth
    return { receipts: truth.receipts.length, boundary, success, counter: this.counters.get(id) ?? 0 }
  }

  private checkSuccess(parcel: Parcel, json: unknown, it: { before: Before; place: number }): void {
    const { letter, id, to } = parcel
    const foreign = to !== undefined && to !== letter.id
    switch (letter.kind) {
      case 'start':
        return this.checkStarted(parcel, LoginStarted.parse(json), it.before)
      case 'finish': {
        const finished = LoginFinished.parse(json)
        this.checkFinished(parcel, it.before)
        return this.checkStatement(id, finished.statement, it)
      }
      case 'put':
      case 'delete':
      case 'newest': {
        must(!foreign, 'nobody’s signature serves for another record')
        const { receipt, statement } = Changed.parse(json)
        if (receipt) this.checkReceipt(id, receipt)
        return this.checkStatement(id, statement, it)
      }
      case 'look':
        must(!foreign, 'nobody’s signature serves for another record')
        return this.checkStatement(id, Statement.parse(json), it)
      case 'abandon':
        return
    }
  }

  private checkStarted({ id, body }: Parcel, { receipt, ticket }: LoginStarted, before: Before): void {
    const truth = this.world.truth(id)
    this.checkReceipt(id, receipt)
    const message = messageOf({ first: body.message ?? '' })
    must(receipt.kind === 'tried' && receipt.message === message, 'the receipt is this guess’s')
    must(receipt.number > before.boundary, 'what was charged before the last success is not evaluated after it')
    must(
      this.world.clock.now < receipt.at + ticketLife,
      'what was charged before its ticket expired is not evaluated after',
    )
    const closed = truth.guesses.get(message)?.closed
    must(closed === undefined || closed > before.receipts, 'what was given back is not evaluated again')
    this.tickets.set(ticket, { id, message, tried: receipt.number })
  }

  private checkFinished({ id, body }: Parcel, before: Before): void {
    const truth = this.world.truth(id)
    const { ticket = '', message: third = '' } = body
    const proved = truth.deeds.proofs.get(proof(ticket, third))
    must(proved !== undefined, 'the key leaves the vault for the right third message only')
    const tried = this.tickets.get(ticket)?.tried ?? 0
    const opened = truth.receipts.find(
      (it) => it.number > tried && it.kind === 'opened' && it.message === proved.message,
    )
    must(opened !== undefined, 'the key leaves the vault with a receipt')
    const isNew = opened.number > before.receipts
    must(isNew || opened.number === before.success?.number, 'a ticket from before the last success is worth nothing')
    const name = `${id} ${opened.number}`
    must((this.released.get(name) ?? third) === third, 'one success is told for one third message')
    this.released.set(name, third)
  }

  private checkRefusal(
    { node, id, letter }: Parcel,
    { status, json }: { status: number; json: unknown },
    it: { before: Before; place: number; dying: ReadonlySet<number> },
  ): void {
    const { code, statement } = Refusal.parse(json)
    const expected: string[] = [
      'conflict',
      'no_record',
      'destroyed',
      'not_authorized',
      'rate_limited',
      'wrong_password',
    ]
    must(
      expected.includes(code) || (code === 'unavailable' && it.dying.has(node)),
      `${letter.kind} is answered with ${status} ${code}`,
    )
    if (statement) this.checkStatement(id, statement, it)
  }

  private checkReceipt(id: string, receipt: LoginStarted['receipt']): void {
    const kept = this.world.truth(id).receipts[receipt.number - 1]
    must(JSON.stringify(kept) === JSON.stringify(receipt), 'every receipt that is given out is on the chain')
  }

  private checkStatement(id: string, said: Statement, { before, place }: { before: Before; place: number }): void {
    must(said.rid === id, 'it speaks of the record that was asked about')
    this.world.truth(id).checkStatement(said)
    must(said.counter >= before.counter, 'a counter never goes back')
    must(said.logPlace >= place, 'the log never goes back')
    must((this.heads.get(said.logPlace) ?? said.logHead) === said.logHead, 'there is one log')
    this.heads.set(said.logPlace, said.logHead)
    this.place = Math.max(this.place, said.logPlace)
    this.counters.set(id, Math.max(this.counters.get(id) ?? 0, said.counter))
  }
}
