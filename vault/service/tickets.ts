/**
 * Tickets: what the vault must remember between two messages, given to the client to keep. OPAQUE's state holds the
 * session key and the expected third message in clear, so a ticket is sealed, and bound to everything that decides
 * whether it still serves. Any node can open any node's tickets.
 */
import { fields } from '../../contract/vault-preimages.ts'
import { type Keystore, SealRefused } from '../keystore/keystore.ts'
import { FieldReader, Malformed } from './field-reader.ts'
import type { TicketFacts } from './finish.ts'
import { Refused } from './refused.ts'

export interface LoginTicket {
  facts: TicketFacts
  /** OPAQUE's server login state, as its library spells it. */
  serverState: string
}

export interface RegistrationTicket {
  expiresAt: number
  /** The record's counter when this was given; 0 for none. */
  counter: number
  /** OPAQUE's server setup, fresh for this registration. */
  setup: Buffer
}

export class Tickets {
  private readonly keystore: Keystore
  private readonly epoch: () => number
  /** `epoch`: under which key everything is sealed now. */
  constructor(keystore: Keystore, epoch: () => number) {
    this.keystore = keystore
    this.epoch = epoch
  }

  async giveLogin(rid: Buffer, { facts, serverState }: LoginTicket): Promise<string> {
    const epoch = this.epoch()
    const { generation, epoch: recordEpoch, attempt, message, expiresAt } = facts
    const sealed = await this.keystore.seal(epoch, Buffer.from(serverState), loginBinding(rid, facts))
    return spell(fields(epoch, generation, recordEpoch, attempt, message, expiresAt, sealed))
  }

  /** Refused (conflict) for anything that is not a login ticket of this record. */
  openLogin(rid: Buffer, ticket: string): Promise<LoginTicket> {
    return this.opening(ticket, async (reader) => {
      const epoch = await this.knownEpoch(reader.number())
      const facts: TicketFacts = {
        generation: reader.number(),
        epoch: reader.number(),
        attempt: reader.number(),
        message: reader.bytes(),
        expiresAt: reader.number(),
      }
      const sealed = reader.bytes()
      reader.end()
      const state = await this.keystore.open(epoch, sealed, loginBinding(rid, facts))
      return { facts, serverState: Buffer.from(state).toString() }
    })
  }

  async giveRegistration(rid: Buffer, { expiresAt, counter, setup }: RegistrationTicket): Promise<string> {
    const epoch = this.epoch()
    const sealed = await this.keystore.seal(epoch, setup, registrationBinding(rid, expiresAt, counter))
    return spell(fields(epoch, expiresAt, counter, sealed))
  }

  /** Refused (conflict) for anything that is not a registration ticket for this record id. */
  openRegistration(rid: Buffer, ticket: string): Promise<RegistrationTicket> {
    return this.opening(ticket, async (reader) => {
      const epoch = await this.knownEpoch(reader.number())
      const expiresAt = reader.number()
      const counter = reader.number()
      const sealed = reader.bytes()
      reader.end()
      const setup = await this.keystore.open(epoch, sealed, registrationBinding(rid, expiresAt, counter))
      return { expiresAt, counter, setup: Buffer.from(setup) }
    })
  }

  /**
   * Another node may have a key that this one has not used yet. One that no node has was never any ticket's: without
   * this, made-up tickets would be answered as if a token lacked a key.
   */
  private async knownEpoch(epoch: number): Promise<number> {
    if (epoch > this.epoch() && !(await this.keystore.epochs()).includes(epoch)) throw new Malformed('no such key')
    return epoch
  }

  private async opening<T>(ticket: string, open: (reader: FieldReader) => Promise<T>): Promise<T> {
    try {
      return await open(new FieldReader(Buffer.from(ticket, 'base64url')))
    } catch (error) {
      if (error instanceof Malformed || error instanceof SealRefused) throw new Refused('conflict')
      throw error
    }
  }
}

function loginBinding(rid: Buffer, { generation, epoch, attempt, message, expiresAt }: TicketFacts): Uint8Array {
  return fields('coffer-ticket-login-1', rid, generation, epoch, attempt, message, expiresAt)
}

function registrationBinding(rid: Buffer, expiresAt: number, counter: number): Uint8Array {
  return fields('coffer-ticket-registration-1', rid, expiresAt, counter)
}

function spell(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url')
}
