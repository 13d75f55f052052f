/** Owners, guessers, and the letters they hand to a relay that need not carry them. */
import { randomBytes } from 'node:crypto'
import { Changed, LoginFinished, LoginStarted, Statement } from '../../contract/vault.ts'
import { firstMessage as firstPreimage } from '../../contract/vault-preimages.ts'
import { hash } from '../../vault/service/hash.ts'
import {
  type Attempt,
  firstMessage,
  loginFinish,
  loginStart,
  newestOf,
  owner,
  type Owner,
  ownerRequest,
  prepareRecord,
  type Send,
  type Sent,
  thirdMessage,
  unwrap,
} from '../fixtures/vault/honest-client.ts'
import { type Deeds, must, proof } from './vault-truth.ts'

export interface Letter {
  kind: 'start' | 'finish' | 'abandon' | 'put' | 'delete' | 'newest' | 'look'
  /** The record it is meant for. */
  id: string
  sent: Sent
  /** What its writer does when a good answer reaches him. */
  read: (json: unknown) => Letter[]
}

export const passwords = ['red', 'green', 'blue'] as const
export type Password = (typeof passwords)[number] | 'wrong'

/** First messages made once: whom they are sent to is not in them, and making one costs more than a whole request. */
export type Quills = Record<Password, Attempt[]>
export async function makeQuills(): Promise<Quills> {
  const make = (password: Password, count: number) =>
    Promise.all(Array.from({ length: count }, () => firstMessage(password)))
  return {
    red: await make('red', 30),
    green: await make('green', 30),
    blue: await make('blue', 30),
    wrong: await make('wrong', 60),
  }
}

export function messageOf({ first }: Pick<Attempt, 'first'>): string {
  return hash(firstPreimage(Buffer.from(first, 'base64url'))).toString('base64url')
}

export class Person {
  readonly who: Owner = owner()
  /** What he believes the record's generation and password to be. */
  generation = 0
  password: Password = 'red'
  private newest = 0
  private used = 0
  private readonly quills: Quills
  private readonly vault: Buffer
  private readonly deeds: Deeds
  private readonly clock: { now: number }
  constructor(it: { quills: Quills; vault: Buffer; deeds: (id: string) => Deeds; clock: { now: number } }) {
    this.quills = it.quills
    this.vault = it.vault
    this.deeds = it.deeds(this.who.id)
    this.clock = it.clock
  }

  get id(): string {
    return this.who.id
  }

  /** A registration up to its PUT. `receipts`: how many there are, asked after the vault has answered. */
  async register(send: Send, password: Password, receipts: () => Promise<number>): Promise<Letter> {
    const { generation, vault } = this
    const sent = await prepareRecord(send, this.who, { password, generation, vault })
    this.deeds.puts.push({ generation: generation + 1, password, after: await receipts() })
    return this.letter('put', sent, (json) => {
      // The answer may come to somebody who has gone on.
      this.generation = Math.max(this.generation, Changed.parse(json).statement.generation)
      if (this.generation === generation + 1) this.password = password
      return []
    })
  }

  login(password = this.password): Letter {
    const pool = this.quills[password]
    const attempt = pool[this.used++ % pool.length]
    if (!attempt) throw new Error('there is no first message')
    return this.letter('start', loginStart(this.who, attempt), (json) => [
      this.answer(attempt, LoginStarted.parse(json)),
    ])
  }

  /** Somebody else's guess: nobody finishes it. */
  guess(): Letter {
    return { ...this.login('wrong'), read: () => [] }
  }

  private answer(attempt: Attempt, started: LoginStarted): Letter {
    const third = thirdMessage(this.who, this.vault, attempt, started)
    if (!third) return this.abandon(started.ticket)
    const message = third.finishLoginRequest
    this.deeds.proofs.set(proof(started.ticket, message), { message: messageOf(attempt), password: attempt.password })
    return this.letter('finish', loginFinish(this.who, started.ticket, message), (json) => {
      const finished = LoginFinished.parse(json)
      const { generation } = started.receipt
      const key = unwrap(this.who, { ...third, finished, first: attempt.first, generation })
      must(key.equals(this.who.key), 'the key that comes out is the one that went in')
      return []
    })
  }

  abandon(ticket: string): Letter {
    const path = `${this.path}/login/abandon`
    return this.letter('abandon', { method: 'POST', path, body: JSON.stringify({ ticket }) }, () => [])
  }

  remove(): Letter {
    this.deeds.deletes.add(this.generation)
    return this.letter('delete', this.signed('DELETE', this.path), () => [])
  }

  tellNewest(): Letter {
    const body = JSON.stringify(newestOf(this.who, ++this.newest))
    return this.letter('newest', this.signed('PUT', `${this.path}/newest`, body), () => [])
  }

  look(): Letter {
    return this.letter('look', this.signed('GET', this.path), (json) => {
      this.generation = Math.max(this.generation, Statement.parse(json).generation)
      return []
    })
  }

  /** A record in this one's place, signed by somebody else. */
  async squat(send: Send): Promise<Letter> {
    const { generation, vault } = this
    const thief = { ...owner(randomBytes(32)), id: this.id, rid: this.who.rid }
    return this.letter('put', await prepareRecord(send, thief, { password: 'wrong', generation, vault }), () => [])
  }

  private get path(): string {
    return `/v1/records/${this.id}`
  }
  private signed(method: Sent['method'], path: string, body?: string): Sent {
    const { generation, vault, clock } = this
    const request = { method, path, generation, time: clock.now, ...(body === undefined ? {} : { body }) }
    return ownerRequest(this.who, vault, request)
  }
  private letter(kind: Letter['kind'], sent: Sent, read: Letter['read']): Letter {
    return { kind, id: this.id, sent, read }
  }
}
