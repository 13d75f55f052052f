/** Charging, opening, closing and what owners do, as pure functions, against what the rules say of the whole history. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ticketLife } from '../../../contract/vault-limits.ts'
import { charge } from '../../../vault/service/charge.ts'
import { close, open, type TicketFacts } from '../../../vault/service/finish.ts'
import { hash } from '../../../vault/service/hash.ts'
import { look, put, remove } from '../../../vault/service/ownership.ts'
import { type Draft, receiptDigest } from '../../../vault/service/receipts.ts'
import { isLiving, type Secrets, type VaultRecord } from '../../../vault/service/record.ts'
import type { Outcome, Transition } from '../../../vault/service/transition.ts'

const rid = hash(Buffer.from('rid'))
const ownerKey = Buffer.alloc(32, 1)
const secrets: Secrets = { setup: Buffer.alloc(128), registration: Buffer.alloc(192), wrapped: Buffer.alloc(104) }
const stretching = { memory: 8, passes: 1, parallelism: 1 } as const

interface Ticket {
  facts: TicketFacts
  /** Charges are numbered by when they were; a success or a replacement ends all before it. */
  era: number
  closed: boolean
}

/** The vault's row, and beside it only what the rules speak of. */
class Played {
  now = 1_800_000_000_000
  record: VaultRecord | undefined
  secrets: Secrets | undefined
  receipts: Draft[] = []
  requests = 0

  era = 0
  charges = 0
  generation = 0
  living = false
  ended: 'none' | 'deleted' | 'destroyed' = 'none'
  tickets: Ticket[] = []
  lastOpened: { ticket: Ticket; third: number } | undefined

  run<T>(transition: Transition<T>): T {
    const moment = { record: this.record, secrets: this.secrets, now: this.now, notes: new Map<string, Buffer>() }
    const before = this.record
    const outcome: Outcome<T> = transition(moment)
    if (!outcome.next) expect(outcome.receipts ?? []).toEqual([])
    else {
      expect(outcome.next.record.counter).toBeGreaterThan(before?.counter ?? 0)
      this.record = outcome.next.record
      this.secrets = outcome.next.secrets
      this.receipts.push(...(outcome.receipts ?? []))
    }
    return outcome.value
  }

  liveTickets(): Ticket[] {
    return this.tickets.filter(({ era, closed, facts }) => era === this.era && !closed && this.now < facts.expiresAt)
  }

  /** Rule 10: with no guess left and no ticket that could still bring the right answer, it is over. */
  settle(): void {
    if (!this.living || this.charges < 10 || this.liveUntil() > this.now) return
    this.living = false
    this.ended = 'destroyed'
  }

  /** Untouched, it ends when the last ticket would have expired, were all given back or not. */
  liveUntil(): number {
    return Math.max(0, ...this.tickets.filter(({ era }) => era === this.era).map(({ facts }) => facts.expiresAt))
  }

  check(): void {
    const { record } = this
    expect(record ? isLiving(record) : false).toBe(this.living)
    expect(this.secrets !== undefined).toBe(this.living)
    if (!record) return
    if (!this.living) expect(record.state).toBe(this.ended)
    else
      expect(record).toMatchObject({ budget: 10 - this.charges, state: this.charges === 10 ? 'exhausted' : 'active' })
    expect(record.generation).toBe(this.generation)
    for (const [at, receipt] of this.receipts.entries()) {
      const before = this.receipts[at - 1]
      expect(receipt.number).toBe(at + 1)
      expect(receipt.before).toBe((before ? receiptDigest(before) : Buffer.alloc(32)).toString('base64url'))
    }
    expect(record.receipts).toBe(this.receipts.length)
  }
}

type Step = (it: Played) => void

function guess(it: Played, name: string): void {
  const message = hash(Buffer.from(name))
  const value = it.run((moment) => charge(moment, { message, waits: [] }))
  it.settle()
  const known = it.tickets.find(
    ({ facts, era }) => era === it.era && facts.message.equals(message) && it.now < facts.expiresAt,
  )
  if (it.ended === 'destroyed') return void expect(value.outcome).toBe('destroyed')
  if (!it.living) return void expect(value.outcome).toBe('no_record')
  if (known) return void expect(value.outcome).toBe(known.closed ? 'conflict' : 'repeated')
  if (it.charges === 10) return void expect(value.outcome).toBe('exhausted')
  expect(value.outcome).toBe('charged')
  if (value.outcome !== 'charged') return
  it.charges += 1
  expect(value.attempt.number).toBe(it.charges)
  const { generation, epoch, attempt } = value
  const facts = { generation, epoch, attempt: attempt.number, message, expiresAt: attempt.expiresAt }
  expect(facts.expiresAt).toBe(it.now + ticketLife)
  it.tickets.push({ facts, era: it.era, closed: false })
}

/** Few different messages, so that the same one comes again. */
const charging = fc.nat(25).map(
  (name): Step =>
    (it) =>
      guess(it, `message ${name}`),
)
/** As many as it takes, so that there are records without a guess. */
const exhausting = fc.nat(12).map((count): Step => (it) => {
  for (let at = 0; at < count; at++) guess(it, `burst ${it.receipts.length} ${at}`)
})

const opening = fc.tuple(fc.nat(), fc.nat(2)).map(([which, third]): Step => (it) => {
  const ticket = it.tickets[which % Math.max(1, it.tickets.length)]
  if (!ticket) return
  const value = it.run((moment) => open(moment, ticket.facts, hash(Buffer.of(third))))
  it.settle()
  if (it.ended === 'destroyed') return void expect(value.outcome).toBe('destroyed')
  if (!it.living) return void expect(value.outcome).toBe('no_record')
  const { lastOpened } = it
  const isRepeat = lastOpened?.ticket === ticket && lastOpened.third === third && it.now < ticket.facts.expiresAt
  if (isRepeat) return void expect(value.outcome).toBe('opened')
  if (!it.liveTickets().includes(ticket)) return void expect(value.outcome).toBe('void')
  expect(value.outcome).toBe('opened')
  Object.assign(it, { era: it.era + 1, charges: 0, lastOpened: { ticket, third } })
})

const closing = fc.nat().map((which): Step => (it) => {
  const ticket = it.tickets[which % Math.max(1, it.tickets.length)]
  if (!ticket) return
  it.settle()
  const was = it.living && it.liveTickets().includes(ticket)
  it.run((moment) => close(moment, ticket.facts))
  if (!was) return
  ticket.closed = true
  if (it.charges < 10 || it.liveTickets().length > 0) return
  it.living = false
  it.ended = 'destroyed'
})

const owning = fc
  .tuple(fc.constantFrom('put', 'remove'), fc.integer({ min: -1, max: 1 }))
  .map(([what, off]): Step => (it) => {
    it.settle()
    it.requests += 1
    const generation = Math.max(0, it.generation + off)
    const request = {
      rid,
      ownerKey,
      generation,
      requestId: Buffer.alloc(16, it.requests),
      bodyDigest: Buffer.alloc(64),
    }
    const isRight = generation === it.generation
    if (what === 'put') {
      const counter = it.run(look)?.counter ?? 0
      const made = { secrets, stretching, newest: null, expiresAt: it.now + 1, counter, invite: undefined }
      const { outcome } = it.run((moment) => put(moment, request, made))
      expect(outcome).toBe(isRight ? 'done' : 'conflict')
      if (!isRight) return
      Object.assign(it, { living: true, ended: 'none', era: it.era + 1, charges: 0, lastOpened: undefined })
      it.generation += 1
      return
    }
    const { outcome } = it.run((moment) => remove(moment, request))
    if (!it.record || it.ended === 'deleted') return void expect(outcome).toBe('no_record')
    expect(outcome).toBe(isRight ? 'done' : 'conflict')
    if (isRight) Object.assign(it, { living: false, ended: 'deleted', era: it.era + 1, lastOpened: undefined })
  })

const waiting = fc.constantFrom(1, 60_000, ticketLife - 1, ticketLife).map((time): Step => (it) => {
  it.now += time
})
const looking = fc.constant<Step>((it) => {
  it.run(look)
  it.settle()
})
const step = fc.oneof(
  { weight: 6, arbitrary: charging },
  { weight: 2, arbitrary: exhausting },
  { weight: 2, arbitrary: opening },
  { weight: 9, arbitrary: closing },
  { weight: 1, arbitrary: owning },
  { weight: 2, arbitrary: waiting },
  { weight: 1, arbitrary: looking },
)

describe('a record', () => {
  it('does what the rules say of its whole history, whatever comes in whatever order', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 120 }), (steps) => {
        const played = new Played()
        const create = { rid, ownerKey, generation: 0, requestId: Buffer.alloc(16, 255), bodyDigest: Buffer.alloc(64) }
        const made = { secrets, stretching, newest: null, expiresAt: Infinity, counter: 0, invite: undefined }
        expect(played.run((moment) => put(moment, create, made)).outcome).toBe('done')
        Object.assign(played, { living: true, generation: 1 })
        for (const step of steps) {
          step(played)
          played.run(look)
          played.settle()
          played.check()
        }
      }),
      { numRuns: 400 },
    )
  })
})
