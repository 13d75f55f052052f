/** Two nodes over three PostgreSQL sites: what a lost site, a lost quorum and a false acknowledgement do to guesses. */
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { LoginStarted, type Receipt } from '../../contract/vault.ts'
import { identityKey } from '../../vault/log/chain.ts'
import { openPostgres } from '../../vault/store/postgres.ts'
import { Random } from '../fixtures/random.ts'
import {
  call,
  firstMessage,
  login,
  loginStart,
  owner,
  type Owner,
  readState,
  register,
} from '../fixtures/vault/honest-client.ts'
import { openTestVault, removeVault, type TestVault } from '../fixtures/vault/test-vault.ts'
import { until, type Server } from '../unit/vault/postgres-server.ts'
import { threeSites, type Sites } from '../unit/vault/three-sites.ts'
import { chooseSeed } from './seed.ts'
import { messageOf } from './vault-people.ts'
import { Truth } from './vault-truth.ts'

const random = new Random(chooseSeed('vault-sites'))
let sites: Sites
let primary: Server
let one: TestVault
let two: TestVault
beforeAll(async () => {
  sites = await threeSites()
  primary = sites.a
})
afterAll(() => sites.remove())

beforeEach(async () => {
  await primary.sql('DROP SCHEMA IF EXISTS coffer_vault CASCADE')
  const evaluations = new Map<string, number>()
  const open = async () => ({ evaluations, storage: await openPostgres({ urls: [sites.url], patience: 3000 }) })
  one = await openTestVault(await open())
  two = await openTestVault({ ...(await open()), folder: one.folder, nodeName: 'two', clock: one.clock })
  onTestFinished(async () => {
    await Promise.all([one.close(), two.close()])
    removeVault(one)
  })
})

const standbys = (): [Server, Server] => {
  const [first, second] = [sites.a, sites.b, sites.c].filter((it) => it !== primary)
  if (!first || !second) throw new Error('two of three are standbys')
  return [first, second]
}
function freezeStandbys(): void {
  for (const it of standbys()) it.freeze()
  onTestFinished(thawStandbys)
}
async function thawStandbys(): Promise<void> {
  for (const it of standbys()) it.thaw()
  await sites.streaming(primary, 2)
}
const waitingForQuorum = (): Promise<{ pid: number }[]> =>
  primary.sql("SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND pid <> pg_backend_pid()")

/** A person who is guessed at through one node until told to end, and what the node has answered. */
class Target {
  readonly who: Owner = owner()
  readonly told: Receipt[] = []
  readonly truth = new Truth(identityKey(one.keystore.identity), [])
  private readonly node: TestVault
  private stopped = false
  private running = Promise.resolve()
  constructor(node: TestVault) {
    this.node = node
  }

  /** Guesses, and now and then the owner himself. */
  begin(): void {
    this.running = this.guess()
  }
  end(): Promise<void> {
    this.stopped = true
    return this.running
  }

  private async guess(): Promise<void> {
    for (let at = 0; !this.stopped; at++) {
      const attempt = await firstMessage('wrong')
      this.truth.deeds.starts.add(messageOf(attempt))
      const { status, json } = await this.node.send(loginStart(this.who, attempt))
      if (status === 200) this.told.push(LoginStarted.parse(json).receipt)
      // New guesses for a record that has none left, as its owner would make them.
      else if (status === 429) await this.renew().catch(() => undefined)
      else expect([status, json]).toEqual([503, expect.objectContaining({ code: 'unavailable' })])
    }
  }

  async renew(): Promise<void> {
    const { generation } = await readState(this.node.send, this.who, this.node.clock.now)
    this.truth.deeds.puts.push({ generation: generation + 1, password: 'right', after: Infinity })
    await register(this.node.send, this.who, { password: 'right', generation })
  }

  /** Every charge that was answered is charged, the chain is sound, and nothing was evaluated without a charge. */
  async check(): Promise<void> {
    for (const { bytes } of await one.storage.receipts(this.who.rid, this.truth.receipts.length, 10_000))
      this.truth.take(JSON.parse(bytes.toString()) as Receipt)
    for (const receipt of this.told) expect(this.truth.receipts[receipt.number - 1]).toEqual(receipt)
    expect(one.evaluations.get(this.who.id) ?? 0).toBeLessThanOrEqual(this.truth.count('tried'))
  }
}

describe('two nodes over three sites', () => {
  it('go on after the primary was killed under guesses, and every charge that was answered is charged', async () => {
    const targets = [one, two, one, two].map((node) => new Target(node))
    for (const target of targets) await target.renew()
    for (const target of targets) target.begin()
    onTestFinished(async () => void (await Promise.all(targets.map((target) => target.end()))))
    const total = (): number => targets.reduce((sum, { told }) => sum + told.length, 0)
    const enough = 20 + random.below(100)
    await until('guesses in flight', () => total() >= enough)
    const [first, second] = standbys()
    const killed = primary
    await killed.kill()
    const chosen = await sites.mostAdvanced([first, second])
    await sites.promote(chosen, chosen === first ? second : first)
    primary = chosen
    const before = targets.map(({ told }) => told.length)
    await until('both nodes to go on', () => targets.every(({ told }, at) => told.length > (before[at] ?? 0) + 5))
    await Promise.all(targets.map((target) => target.end()))
    for (const target of targets) await target.check()
    for (const { node } of [one, two]) expect(node.parts.journal.brokenBy).toBeUndefined()
    await sites.rebuild(killed, primary)
    await sites.streaming(primary, 2)
  })

  it('refuse and evaluate nothing while both standbys are gone, and go on by themselves when they are back', async () => {
    const who = owner()
    await register(one.send, who, { password: 'right' })
    const attempt = await firstMessage('right')
    freezeStandbys()
    for (const { send } of [one, two, one])
      expect(await send(loginStart(who, attempt))).toMatchObject({ status: 503, json: { code: 'unavailable' } })
    expect(one.evaluations.get(who.id)).toBeUndefined()
    await thawStandbys()
    const again = async (): Promise<boolean> => (await two.send(loginStart(who, attempt))).status === 200
    await until('an answer', again)
    expect(one.evaluations.get(who.id) ?? 0).toBeLessThanOrEqual(1)
    // However often it was asked: one charge.
    expect(await readState(one.send, who)).toMatchObject({ attemptsLeft: 9 })
    expect(await login(one.send, who, 'right')).toHaveProperty('key')
  })

  it('evaluate nothing when PostgreSQL acknowledges what no standby has, also where it then shows it', async () => {
    const who = owner()
    await register(one.send, who, { password: 'right' })
    await call(two.send, loginStart(who, await firstMessage('so that the node has a session')))
    const evaluated = one.evaluations.get(who.id)
    const attempt = await firstMessage('right')
    freezeStandbys()
    const answer = one.send(loginStart(who, attempt))
    await until('a commit that waits', async () => (await waitingForQuorum()).length === 1)
    for (const { pid } of await waitingForQuorum()) await primary.sql(`SELECT pg_cancel_backend(${pid})`)
    expect(await answer).toMatchObject({ status: 503, json: { code: 'unavailable', charged: true } })
    // The charge stands in the primary's tables now, and nowhere else: lost with the primary, it would be a free guess.
    expect(await two.send(loginStart(who, attempt))).toMatchObject({ status: 503, json: { code: 'unavailable' } })
    expect(one.evaluations.get(who.id)).toBe(evaluated)
    await thawStandbys()
    await until('an answer', async () => (await two.send(loginStart(who, attempt))).status === 200)
    expect(await readState(one.send, who)).toMatchObject({ attemptsLeft: 8 })
  })
})
