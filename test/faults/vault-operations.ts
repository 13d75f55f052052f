/** What can be done to a record, each in a state in which it matters, and how to tell afterwards that it was done whole. */
import { rotateSealKey } from '../../vault/log/rotate.ts'
import { decodeRecord } from '../../vault/service/record.ts'
import { fingerprint } from '../fixtures/vault/honest-client.ts'
import { type Letter, makeQuills, type Password, Person } from './vault-people.ts'
import { Post } from './vault-post.ts'
import { must } from './vault-truth.ts'
import type { World } from './vault-world.ts'

/** One person and one vault with one node. */
export class Stage {
  readonly world: World
  readonly post: Post
  readonly who: Person
  private constructor(world: World, who: Person) {
    this.world = world
    this.post = new Post(world)
    this.who = who
  }

  static async set(world: World): Promise<Stage> {
    const vault = await fingerprint((sent) => world.send(0, sent))
    const deeds = (id: string) => world.truth(id).deeds
    return new Stage(world, new Person({ quills: await quills, vault, deeds, clock: world.clock }))
  }

  get truth() {
    return this.world.truth(this.who.id)
  }

  /** The answer, or undefined when the node could not give one. */
  async send(letter: Letter): Promise<unknown> {
    const dying = new Set(this.world.isDoomed(0) ? [0] : [])
    const [answer] = await this.post.deliver([{ letter, node: 0 }], { dying })
    return answer
  }

  /** Sends what a node that lives must grant; gives what its writer writes next. */
  async granted(letter: Letter): Promise<Letter[]> {
    const answer = await this.send(letter)
    must(answer !== undefined, `${letter.kind} is granted`)
    return letter.read(answer)
  }

  async putLetter(password: Password): Promise<Letter> {
    const receipts = (): Promise<number> => Promise.resolve(this.truth.receipts.length)
    return this.who.register((sent) => this.world.send(0, sent), password, receipts)
  }

  /** The letter that follows a first message: the third message, or the ticket given back. */
  async started(password?: Password): Promise<Letter> {
    const [next] = await this.granted(this.who.login(password))
    if (!next) throw new Error('nothing follows a first message')
    return next
  }

  /** Whether this password opens the record now. Costs a guess if it does not. */
  async opens(password: Password): Promise<boolean> {
    const next = await this.started(password)
    await this.granted(next)
    return next.kind === 'finish'
  }
}
const quills = makeQuills()

export interface Operation {
  /** What is done, ready to be done. */
  prepare(stage: Stage): Promise<() => Promise<unknown>>
  /** After the crash, before anything is repeated: the old or the new, whole. */
  found?(stage: Stage): Promise<void>
  /** After it was repeated. */
  done(stage: Stage): Promise<void>
}

/** An operation that is one letter, with `guesses` wrong passwords before it. */
function letter(guesses: number, write: (stage: Stage) => Promise<Letter>): Operation['prepare'] {
  return async (stage) => {
    await stage.granted(await stage.putLetter('red'))
    for (let guess = 0; guess < guesses; guess++) await stage.granted(await stage.started('wrong'))
    const written = await write(stage)
    return () => stage.send(written)
  }
}

async function secretsAreGone({ world, who }: Stage): Promise<void> {
  const rid = Buffer.from(who.id, 'base64url')
  const row = (await world.vault(0).storage.rows(undefined, 1000)).find((it) => it.rid.equals(rid))
  must(row !== undefined && decodeRecord(row.bytes).sealed.length === 0, 'a tombstone holds no secrets')
}

function counts({ truth }: Stage, expected: Partial<Record<Parameters<typeof truth.count>[0], number>>): void {
  for (const [kind, count] of Object.entries(expected)) {
    // The keys of `expected`.
    const found = truth.count(kind as Parameters<typeof truth.count>[0])
    must(found === count, `${kind}: ${found} times, not ${count}`)
  }
}

export const operations: Record<string, Operation> = {
  'a charge': {
    prepare: letter(3, async ({ who }) => who.login()),
    async done(stage) {
      counts(stage, { tried: 4, opened: 0 })
      must(await stage.opens('red'), 'the password opens')
    },
  },
  'the last charge': {
    prepare: letter(9, async ({ who }) => who.login()),
    async done(stage) {
      counts(stage, { tried: 10, destroyed: 0 })
      must(stage.truth.left === 0, 'no guess is left')
    },
  },
  'a creation': {
    prepare: async (stage) => {
      const put = await stage.putLetter('red')
      return () => stage.send(put)
    },
    async done(stage) {
      counts(stage, { created: 1 })
      must(await stage.opens('red'), 'the password opens')
    },
  },
  'a replacement': {
    prepare: letter(4, (stage) => stage.putLetter('green')),
    async found(stage) {
      const isNew = stage.truth.count('replaced') === 1
      must((await stage.opens('red')) !== isNew, 'the old password opens the old record')
      must((await stage.opens('green')) === isNew, 'the new password opens the new record')
    },
    async done(stage) {
      counts(stage, { created: 1, replaced: 1 })
      must(await stage.opens('green'), 'the new password opens')
      must(!(await stage.opens('red')), 'the old password does not')
    },
  },
  'a finish': {
    prepare: letter(6, (stage) => stage.started('red')),
    async done(stage) {
      counts(stage, { tried: 7, opened: 1 })
      must(stage.truth.left === 10, 'all guesses are there again')
    },
  },
  'the finish of the last guess': {
    prepare: letter(9, (stage) => stage.started('red')),
    async done(stage) {
      counts(stage, { opened: 1, destroyed: 0 })
      must(await stage.opens('red'), 'the password opens')
    },
  },
  'an abandoning': {
    prepare: letter(4, (stage) => stage.started('wrong')),
    async done(stage) {
      counts(stage, { tried: 5, given_back: 5 })
      must(stage.truth.left === 5, 'a guess that was given back is not given again')
    },
  },
  'a destruction': {
    prepare: letter(9, (stage) => stage.started('wrong')),
    async done(stage) {
      counts(stage, { tried: 10, destroyed: 1 })
      await secretsAreGone(stage)
    },
  },
  'a destruction by the sweeper': {
    prepare: async (stage) => {
      await letter(9, (it) => it.started('red'))(stage)
      stage.world.clock.now += 200_000
      return () => stage.world.sweep(0).catch(() => undefined)
    },
    async done(stage) {
      await stage.world.judge([stage.who.id])
      counts(stage, { tried: 10, destroyed: 1 })
      await secretsAreGone(stage)
    },
  },
  'a deletion': {
    prepare: letter(2, async ({ who }) => who.remove()),
    async done(stage) {
      counts(stage, { deleted: 1 })
      await secretsAreGone(stage)
    },
  },
  'a new seal key': {
    prepare: async (stage) => {
      await stage.granted(await stage.putLetter('red'))
      return () => rotateSealKey(stage.world.vault(0).node.parts).catch(() => undefined)
    },
    async done(stage) {
      must(await stage.opens('red'), 'the password opens')
      must((await stage.world.vault(0).keystore.epochs()).length === 1, 'the old seal key is gone')
      // Every living record is sealed anew: the next one shall not have more to do.
      await stage.granted(stage.who.remove())
    },
  },
}
