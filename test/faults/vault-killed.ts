/** A vault's process that is killed under load, again and again over the same data, and what it may not have forgotten. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Info, LoginFinished, LoginStarted, type Receipt, Receipts } from '../../contract/vault.ts'
import { identityKey } from '../../vault/log/chain.ts'
import { fingerprintOf } from '../../vault/service/vault.ts'
import type { Random } from '../fixtures/random.ts'
import { call, ownerRequest, type Send } from '../fixtures/vault/honest-client.ts'
import { serveVault, type Serving } from '../fixtures/vault/vault-command.ts'
import { type Letter, makeQuills, messageOf, Person, type Quills } from './vault-people.ts'
import { must, Truth } from './vault-truth.ts'

/** Requests in flight. */
const lanes = 8

interface Customer {
  who: Person
  truth: Truth
  /** Receipts that the vault has answered with. */
  told: Receipt[]
}

/** Kills a fresh vault `count` times; gives how many answered receipts it was held to. Throws at the first it forgot. */
export async function killVault({ count, random }: { count: number; random: Random }): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'coffer-vault-'))
  const quills = await makeQuills()
  const customers: Customer[] = []
  let serving: Serving | undefined
  try {
    for (let round = 0; round <= count; round++) {
      serving = await serveVault(folder)
      const vault = await identityOf(serving.send)
      for (const customer of customers) await check(serving.send, vault, customer)
      if (round === count) return customers.reduce((sum, { told }) => sum + told.length, 0)
      const enough = random.skewed(120)
      const load = new Load({
        send: serving.send,
        random,
        vault,
        quills,
        enough,
        kill: () => serving?.child.kill('SIGKILL'),
      })
      customers.push(...(await load.run()))
      await serving.ended
    }
    throw new Error('the last round gives the count')
  } finally {
    await serving?.end('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
}

async function identityOf(send: Send): Promise<Buffer> {
  return Buffer.from(Info.parse(await call(send, { method: 'GET', path: '/v1/info' })).identity, 'base64url')
}

/** Everything that was answered is on the chain, and the chain is sound. */
async function check(send: Send, vault: Buffer, { who, truth, told }: Customer): Promise<void> {
  const path = `/v1/records/${who.id}/receipts`
  const request = ownerRequest(who.who, fingerprintOf(vault), { method: 'GET', path, generation: 0 })
  const after = truth.receipts.length
  const { receipts, statement } = Receipts.parse(await call(send, { ...request, path: `${path}?after=${after}` }))
  for (const receipt of receipts) truth.take(receipt)
  truth.checkStatement(statement)
  for (const receipt of told)
    must(
      JSON.stringify(truth.receipts[receipt.number - 1]) === JSON.stringify(receipt),
      `what was answered is still there: ${receipt.kind} ${receipt.number}`,
    )
}

/** Customers who guess, log in and change their passwords, each in a lane of his own, until the vault is gone. */
class Load {
  private answers = 0
  /** First messages by the tickets that they were answered with. */
  private readonly messages = new Map<string, string>()
  private readonly customers: Customer[] = []
  private readonly it: {
    send: Send
    random: Random
    vault: Buffer
    quills: Quills
    /** Answers after which the vault is killed. */
    enough: number
    kill: () => void
  }
  constructor(it: Load['it']) {
    this.it = it
  }

  async run(): Promise<Customer[]> {
    await Promise.all(Array.from({ length: lanes }, () => this.lane()))
    return this.customers
  }

  private async lane(): Promise<void> {
    for (let customer = this.arrive(); ;) {
      const done = await this.step(customer).catch((error: unknown) => {
        // The connection is gone with the vault; whatever else goes wrong is of interest.
        if (error instanceof TypeError && /fetch failed|terminated/.test(error.message)) return undefined
        throw error
      })
      if (done === undefined) return
      if (done === 'dead') customer = this.arrive()
    }
  }

  private arrive(): Customer {
    const { vault, quills } = this.it
    const truth = new Truth(identityKey(vault), [])
    const who = new Person({
      quills,
      vault: fingerprintOf(vault),
      deeds: () => truth.deeds,
      clock: { now: Date.now() },
    })
    const customer = { who, truth, told: [] }
    this.customers.push(customer)
    return customer
  }

  private async step(customer: Customer): Promise<'done' | 'dead'> {
    const { who } = customer
    const { random } = this.it
    if (who.generation === 0 || random.chance(0.1)) {
      const put = await who.register(this.it.send, random.pick(['red', 'green']), () => Promise.resolve(Infinity))
      await this.carry(customer, put)
      return 'done'
    }
    const start = who.login(random.chance(0.3) ? who.password : 'wrong')
    const [next] = (await this.carry(customer, start)) ?? []
    if (!next) return 'dead'
    // Some go away without a word.
    if (random.chance(0.6)) await this.carry(customer, next)
    return 'done'
  }

  /** What its writer writes next; undefined for what was refused. */
  private async carry({ truth, told }: Customer, letter: Letter): Promise<Letter[] | undefined> {
    const { message, ticket } = JSON.parse(letter.sent.body ?? '{}') as { message?: string; ticket?: string }
    if (letter.kind === 'start' && message !== undefined) truth.deeds.starts.add(messageOf({ first: message }))
    if (letter.kind === 'abandon' && ticket !== undefined) truth.deeds.returned.add(this.messages.get(ticket) ?? '')
    const { status, json } = await this.it.send(letter.sent)
    if ((this.answers += 1) >= this.it.enough) this.it.kill()
    must(status === 200 || status === 410 || status === 429, `${letter.kind} is answered with ${status}`)
    if (status !== 200) return undefined
    if (letter.kind === 'start') {
      const started = LoginStarted.parse(json)
      told.push(started.receipt)
      this.messages.set(started.ticket, started.receipt.message)
    }
    if (letter.kind === 'finish') told.push(...LoginFinished.parse(json).receipts)
    return letter.read(json)
  }
}
