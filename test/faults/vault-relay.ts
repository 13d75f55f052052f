/** An adversary between people and a vault, whose every move is drawn from a seed. */
import { Random } from '../fixtures/random.ts'
import { fingerprint, loginFinish, type Send } from '../fixtures/vault/honest-client.ts'
import { OpaqueHere } from '../fixtures/vault/opaque-here.ts'
import { type Letter, makeQuills, passwords, Person, type Quills } from './vault-people.ts'
import type { Blow } from './vault-mortal.ts'
import { type Delivery, Post } from './vault-post.ts'
import { World, type Mutant } from './vault-world.ts'

/** Schedules in one vault: its log is read anew at every restart. */
const inOneWorld = 100

interface Scene {
  world: World
  post: Post
  random: Random
  people: [Person, ...Person[]]
  /** What the relay holds and has not delivered yet. */
  fresh: Letter[]
  /** All it ever saw. */
  seen: Letter[]
  log: string[]
}

type Move = (scene: Scene) => Promise<void>

/** By weight. */
const moves: readonly [number, string, Move][] = [
  [7, 'login', async (it) => push(it, person(it).login())],
  [2, 'typo', async (it) => push(it, person(it).login('wrong'))],
  [4, 'guesses', guesses],
  [3, 'register', register],
  [1, 'squat', async (it) => push(it, await person(it).squat(sendOf(it)))],
  [1, 'delete', async (it) => push(it, person(it).remove())],
  [1, 'newest', async (it) => push(it, person(it).tellNewest())],
  [2, 'look', async (it) => carry(it, [toNode(it, person(it).look())])],
  [
    12,
    'deliver',
    async (it) =>
      carry(
        it,
        [...take(it, 1)].map((letter) => toNode(it, letter)),
      ),
  ],
  [
    5,
    'deliver twice',
    async (it) =>
      carry(
        it,
        [...take(it, 1)].flatMap((letter) => [1, 2].map(() => toNode(it, letter))),
      ),
  ],
  [7, 'replay', async (it) => carry(it, old(it, 2))],
  [
    3,
    'redirect',
    async (it) =>
      carry(
        it,
        old(it, 2).map((letter) => ({ ...letter, to: person(it).id })),
      ),
  ],
  [4, 'mix', async (it) => carry(it, mixed(it))],
  [5, 'storm', storm],
  [3, 'wait', async (it) => void (it.world.clock.now += it.random.pick([500, 20_000, 70_000, 120_000, 400_000]))],
  [2, 'sweep', async (it) => it.world.sweep(it.random.below(8))],
  [1.5, 'restart', async (it) => it.world.restart(it.random.below(8), it.random.chance(0.3) ? blow(it, 9) : undefined)],
  [1.5, 'kill', kill],
  [1, 'checkpoint', async (it) => it.world.checkpoint(it.random.below(8))],
  [0.3, 'rotate', async (it) => it.world.rotate(it.random.below(8))],
]
const weights = moves.reduce((sum, [weight]) => sum + weight, 0)

function person({ random, people }: Scene): Person {
  return random.pick(people)
}
function push({ fresh, seen }: Scene, ...letters: Letter[]): void {
  fresh.push(...letters)
  seen.push(...letters)
}
function take({ fresh, random }: Scene, count: number): Letter[] {
  return Array.from({ length: Math.min(count, fresh.length) }, () => fresh.splice(random.below(fresh.length), 1)).flat()
}
function toNode({ random }: Scene, letter: Letter): Delivery {
  return { letter, node: random.below(2) }
}
function old(it: Scene, count: number): Delivery[] {
  const letters = Array.from({ length: count }, () => it.seen[it.random.below(it.seen.length)])
  return letters.flatMap((letter) => (letter ? [toNode(it, letter)] : []))
}
function sendOf({ world, random }: Scene): Send {
  const node = random.below(2)
  return (sent) => world.send(node, sent)
}

/** One's ticket with another's third message. */
function mixed(it: Scene): Delivery[] {
  const { random, post } = it
  const tickets = [...post.tickets.keys()].slice(-20)
  const thirds = post.thirds.slice(-20)
  const ticket = tickets[random.below(tickets.length)]
  const third = thirds[random.below(thirds.length)]
  if (ticket === undefined || third === undefined) return []
  const id = random.chance(0.7) ? (post.tickets.get(ticket)?.id ?? '') : person(it).id
  return [toNode(it, { kind: 'finish', id, sent: loginFinish({ id }, ticket, third), read: () => [] })]
}

async function register(it: Scene): Promise<void> {
  const who = person(it)
  const receipts = async (): Promise<number> => {
    await it.world.judge([who.id])
    return it.world.truth(who.id).receipts.length
  }
  push(it, await who.register(sendOf(it), it.random.pick(passwords), receipts))
}

async function guesses(it: Scene): Promise<void> {
  const who = person(it)
  const count = it.random.pick([1, 3, 9])
  const letters = Array.from({ length: count }, () => who.guess())
  it.seen.push(...letters.slice(0, 2))
  await carry(
    it,
    letters.map((letter) => toNode(it, letter)),
  )
}

async function storm(it: Scene): Promise<void> {
  const waiting = take(it, 3).map((letter) => toNode(it, letter))
  const others = [person(it).login(), person(it).guess(), person(it).guess()].map((letter) => toNode(it, letter))
  await carry(it, [...waiting, ...old(it, 3), ...others])
}

function blow({ random }: Scene, calls: number): Blow {
  return { call: 1 + random.below(calls), when: random.pick(['before', 'inside', 'after']) }
}

/** A node dies in the middle of a storm and is started again. */
async function kill(it: Scene): Promise<void> {
  const node = it.random.below(it.world.size)
  it.world.doom(node, blow(it, 14))
  await storm(it)
  await it.world.restart(node)
}

/** Delivers; some answers are lost, the others are read. */
async function carry(it: Scene, deliveries: readonly Delivery[]): Promise<void> {
  const dying = new Set([0, 1].filter((node) => it.world.isDoomed(node)))
  const answers = await it.post.deliver(deliveries, { dying })
  for (const [at, { letter, to }] of deliveries.entries()) {
    const answer = answers[at]
    it.log.push(
      `  ${letter.kind} of ${name(it, letter.id)}${to === undefined ? '' : ` to ${name(it, to)}`}: ${answer ? 'yes' : 'no'}`,
    )
    if (answer !== undefined && it.random.chance(0.75)) push(it, ...letter.read(answer))
  }
}
function name({ people }: Scene, id: string): string {
  return `P${people.findIndex((it) => it.id === id) + 1}`
}

async function play(it: Scene): Promise<void> {
  const length = 8 + it.random.below(12)
  // Something to attack.
  for (const who of it.people)
    if (it.random.chance(0.8)) {
      const put = await who.register(sendOf(it), 'red', () => Promise.resolve(0))
      push(it, put)
      await carry(it, [toNode(it, put)])
    }
  for (let step = 0; step < length; step++) {
    let draw = it.random.fraction() * weights
    const [, what, move] = moves.find(([weight]) => (draw -= weight) < 0) ?? moves[0] ?? []
    if (!move) throw new Error('there are no moves')
    it.log.push(String(what))
    await move(it)
  }
  await it.world.judge(it.people.map(({ id }) => id))
  it.world.checkTroubles()
  if (it.random.chance(0.3)) await comeBack(it)
}

/** After all that, a living record with enough guesses left still opens for its owner. */
async function comeBack(it: Scene): Promise<void> {
  const [who] = it.people
  it.world.clock.now += 100 * 3_600_000
  await it.world.sweep(0)
  await it.world.judge([who.id])
  const truth = it.world.truth(who.id)
  const candidates = truth.passwords()
  if (!truth.living || truth.left < candidates.size) return
  it.log.push('come back')
  for (const password of candidates) {
    // Guesses of the same person wait for each other where waits are on.
    it.world.clock.now += 100 * 3_600_000
    const start = who.login(password as (typeof passwords)[number])
    const [answer] = await it.post.deliver([toNode(it, start)], { dying: new Set() })
    const [next] = answer === undefined ? [] : start.read(answer)
    if (!next) throw new Error('a guess that is left was not evaluated')
    const [end] = await it.post.deliver([toNode(it, next)], { dying: new Set() })
    if (next.kind === 'finish') return void next.read(end)
  }
  throw new Error('none of its passwords opens the record')
}

/** Plays `count` schedules and gives how many; throws at the first in which the vault does what it must not. */
export async function playSchedules(it: {
  seed: number
  count: number
  /** The first one's number: to have one again. */
  from?: number
  mutant?: Mutant
  /** One or two; drawn when not said. */
  nodes?: number
  onWorld?: (done: number) => void
}): Promise<number> {
  const { seed, count, from = 0, mutant } = it
  const opaque = new OpaqueHere()
  const quills = await makeQuills()
  for (let first = from; first < from + count; first += inOneWorld) {
    it.onWorld?.(first - from)
    const draw = new Random(seed + Math.floor(first / inOneWorld))
    const drawn = 1 + draw.below(2)
    const nodes = mutant?.closed ? 1 : (it.nodes ?? drawn)
    const waits = draw.chance(0.3) ? [10_000, 60_000, 600_000, 3_600_000, 3_600_000] : []
    const world = await World.open({ nodes, waits, opaque, mutant })
    try {
      const last = Math.min(first + inOneWorld, from + count)
      for (let number = first; number < last; number++) await playOne({ world, quills, seed, number })
    } finally {
      await world.close()
    }
  }
  return count
}

async function playOne(it: { world: World; quills: Quills; seed: number; number: number }): Promise<void> {
  const { world, quills, seed, number } = it
  const random = new Random(seed ^ Math.imul(number + 1, 0x9e3779b1))
  const vault = await fingerprint((sent) => world.send(0, sent))
  const make = (): Person => new Person({ quills, vault, clock: world.clock, deeds: (id) => world.truth(id).deeds })
  const log: string[] = []
  const scene: Scene = { world, post: new Post(world), random, people: [make(), make()], fresh: [], seen: [], log }
  try {
    await play(scene)
  } catch (error) {
    throw new Error(`seed ${seed}, schedule ${number}:\n${log.join('\n')}\n`, { cause: error })
  }
}
